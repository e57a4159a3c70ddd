"""The pieces that a written module may need beside what it is converted from."""

from __future__ import annotations

import ast

from rockery.migrate.edit import Edits
from rockery.migrate.scope import Function

ANSWER = '''
def answer(value: Any, status: Any = None, headers: Any = None) -> Response:
    """Answer as Flask does with what a view returns: text as HTML, data as JSON."""
    if isinstance(value, tuple):
        return answer(*value)
    if not isinstance(value, Response):
        text = isinstance(value, str | bytes)
        value = HTMLResponse(value) if text else JSONResponse(jsonable_encoder(value))
    if isinstance(status, dict | list):
        status, headers = None, status
    if status is not None:
        value.status_code = int(str(status).split()[0])
    value.headers.update(dict(headers or ()))
    return value
'''

JSON = '''
def json_body(*, force: bool = False, silent: bool = False) -> Any:
    """Return a dependency that reads JSON as Flask's get_json does: else 415 or 400, or None."""

    async def read(request: Request) -> Any:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if force or kind == "application/json" or kind.endswith("+json"):
                return await request.json()
        except ValueError:
            if not silent:
                raise HTTPException(400) from None
        else:
            if not silent:
                raise HTTPException(415)
        return None

    return Depends(read)
'''

BODY = '''
async def body(request: Request) -> bytes:
    """Read the whole body."""
    return await request.body()
'''

FORM = '''
async def form(request: Request) -> Any:
    """Read the fields of a form (python-multipart has to be installed)."""
    return await request.form()
'''

VALID_METHODS = '''
def valid_methods(error: StarletteHTTPException) -> list[str] | None:
    """Return the methods that a path has, where an error says so."""
    allowed = (error.headers or {}).get("Allow")
    return allowed.split(", ") if allowed else None
'''

TEMPLATES = '''
templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


@pass_context
def template_url_for(context: Any, name: str, /, **values: Any) -> str:
    """Flask's url_for in templates: a static file by its filename, no host."""
    if "filename" in values:
        values["path"] = values.pop("filename")
    return context["request"].app.url_path_for(name.rpartition(".")[2], **values)


templates.env.globals["url_for"] = template_url_for
'''

LOGGER = """
logger = logging.getLogger(__name__)
"""

#: The function that runs what Flask's hooks were; its names are filled in.
HOOKS = '''


@{app}.middleware("http")
async def around_requests(request: Request, call_next: Any) -> Response:
    """Run what Flask ran before and after each request."""
    for before in ({before}):
        answered = await run_in_threadpool(before, request)
        if answered is not None:
            response = answer(answered)
            break
    else:
        response = await call_next(request)
    for after in ({after}):
        response = await run_in_threadpool(after, request, response)
    return response
'''

#: Where each name of a written module comes from.
IMPORTS = {
    "Annotated": "typing",
    "Any": "typing",
    "HTTPStatus": "http",
    "Path": "pathlib",
    "APIRouter": "fastapi",
    "Depends": "fastapi",
    "FastAPI": "fastapi",
    "HTTPException": "fastapi",
    "Request": "fastapi",
    "Response": "fastapi",
    "jsonable_encoder": "fastapi.encoders",
    "HTMLResponse": "fastapi.responses",
    "JSONResponse": "fastapi.responses",
    "RedirectResponse": "fastapi.responses",
    "StreamingResponse": "fastapi.responses",
    "StaticFiles": "fastapi.staticfiles",
    "Jinja2Templates": "fastapi.templating",
    "run_in_threadpool": "fastapi.concurrency",
    "CORSMiddleware": "fastapi.middleware.cors",
    "pass_context": "jinja2",
    "BackgroundTask": "starlette.background",
    "StarletteHTTPException": "starlette.exceptions",
}
#: The names of the pieces, in the order in which they are written, and what each needs.
PIECES = {
    "logger": (LOGGER, ("logging",)),
    "templates": (TEMPLATES, ("Any", "Jinja2Templates", "Path", "pass_context")),
    "answer": (
        ANSWER,
        ("Any", "HTMLResponse", "JSONResponse", "Response", "jsonable_encoder"),
    ),
    "json_body": (JSON, ("Any", "Depends", "HTTPException", "Request")),
    "body": (BODY, ("Request",)),
    "form": (FORM, ("Any", "Request")),
    "valid_methods": (VALID_METHODS, ("StarletteHTTPException",)),
}


def named(piece: str, own: str) -> str:
    """Return a piece's text, with ``own`` as its name."""
    source = PIECES[piece][0]
    edits = Edits(source.encode())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == piece:
            edits.replace(node, own)
        elif isinstance(node, Function) and node.name == piece:
            start = edits.content.index(piece.encode(), edits.span(node)[0])
            edits.put(start, start + len(piece), own)
    return edits.result()


def imports(names: set[str]) -> str:
    """Return the import statements of names, sorted."""
    own = {"http", "logging", "pathlib", "typing"}
    lines: dict[bool, list[str]] = {True: [], False: []}
    for name in sorted(names & {"logging"}):
        lines[name in own].append(f"import {name}\n")
    for module in sorted({IMPORTS[name] for name in names if name in IMPORTS}):
        wanted = sorted(name for name in names if IMPORTS.get(name) == module)
        listed = ", ".join(
            "HTTPException as StarletteHTTPException" if name == "StarletteHTTPException" else name
            for name in wanted
        )
        lines[module in own].append(f"from {module} import {listed}\n")
    return "".join([*lines[True], *lines[False]])
