"""Moving from Flask to FastAPI: what stands between, and what can be written anew."""

from rockery.migrate.counterpart import KINDS
from rockery.migrate.report import checklist, document, summary
from rockery.migrate.survey import Survey, survey
from rockery.migrate.use import Use

__all__ = ["KINDS", "Survey", "Use", "checklist", "document", "summary", "survey"]
