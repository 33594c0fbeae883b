"""From `name:value` texts to edits."""

from fastgate._core.plugin.template cimport template_build
from fastgate._core.snapshot.keep cimport keep_room, keep_text


cdef dict VERBS = {
    "remove": VERB_REMOVE, "rename": VERB_RENAME, "replace": VERB_REPLACE, "add": VERB_ADD, "append": VERB_APPEND,
}


cdef int edits_build(edits_t *edits, arena_t *arena, dict config, str part, template_place_t place) except -1:
    cdef list texts = []            # (verb, name, value)
    cdef edit_t *edit
    for verb in VERBS:
        for text in config[verb][part]:
            name, _, value = (text, "", "") if verb == "remove" else text.partition(":")
            if part == "headers":
                value = value.strip(" ") or value        # of a field they are not: RFC 9110 section 5.5
            if value or verb == "remove":
                texts.append((VERBS[verb], name, value))
    edits.edits = <edit_t *>keep_room(arena, len(texts) * sizeof(edit_t))
    for verb, name, value in texts:
        edit = &edits.edits[edits.n_edits]
        edits.n_edits += 1
        edit.verb = verb
        keep_text(arena, name, &edit.name)
        if edit.verb == VERB_RENAME:
            keep_text(arena, value, &edit.new)
        elif edit.verb != VERB_REMOVE:
            template_build(&edit.value, arena, value, place)
            edits.wants_match |= edit.value.wants_match
    return 0
