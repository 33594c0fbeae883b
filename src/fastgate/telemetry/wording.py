"""How messages put things into words."""


def counted(count: int, plural: str) -> str:
    """"1 route", "2 routes"."""
    return f"{count} {plural if count != 1 else plural[:-1]}"
