"""The list of parts beside a bundle is CycloneDX: here is what can tell, where fastgate itself is not installed."""

import common
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def test_it_keeps_to_the_schema(tmp_path):
    from fastgate.bundle.sbom import python_parts, write_sbom

    assert common.SUITE
    for name, licence in {"one": "License-Expression: MIT OR Apache-2.0", "two": "License: BSD"}.items():
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
        (tmp_path / f"{name}-1.0.dist-info/METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{licence}\n")
    parts = python_parts(tmp_path)
    assert len(parts) == 2
    (tmp_path / "x.tar.zst").write_bytes(b"bundle")
    text = write_sbom(tmp_path / "x.tar.zst", parts, "tar.zst").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
