"""Moving from Flask to FastAPI: what stands between, and what can be written anew."""

from rockery.migrate.conversion import Written, write
from rockery.migrate.counterpart import KINDS
from rockery.migrate.report import checklist, document, summary
from rockery.migrate.survey import Survey, convert, survey
from rockery.migrate.use import Use

__all__ = [
    "KINDS",
    "Survey",
    "Use",
    "Written",
    "checklist",
    "convert",
    "document",
    "summary",
    "survey",
    "write",
]
