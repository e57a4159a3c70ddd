"""What Flask's names are, and what takes their place with FastAPI.

The facts are those of the documentation of Flask 3, Werkzeug 3, FastAPI and Starlette.
"""

from __future__ import annotations

#: What there is to find, in the order of a report: the kind, and its counterpart in general.
KINDS = {
    "app": "FastAPI(); logging and the rest come from Python's own library",
    "config": "a settings object (pydantic-settings), or app.state",
    "context": "none is needed: what a function works with is passed to it",
    "blueprint": "APIRouter, app.include_router(router, prefix=…)",
    "route": "@app.get, @app.post, …; <int:n> is {n:int}",
    "hook": '@app.middleware("http"), lifespan, or a dependency',
    "error-handler": "@app.exception_handler(…), which gets the request and the error",
    "cli": "a program of its own (Typer, click)",
    "request": "a parameter `request: Request`, or better one for each thing that is read",
    "g": "request.state, or a dependency",
    "session": "SessionMiddleware and request.session",
    "current_app": "request.app, or the object itself",
    "jsonify": "the value itself: FastAPI makes JSON of it",
    "return": "Response, JSONResponse or response_class=…, with status_code=…",
    "response": "fastapi.Response and its kin: body, status_code, media_type",
    "redirect": "RedirectResponse(url, status_code=302)",
    "url_for": "request.url_for(name, …); without arguments for the query",
    "abort": "raise HTTPException(status_code, detail)",
    "flash": "none: keep messages in the session",
    "template": "Jinja2Templates and TemplateResponse(request, name, context)",
    "isinstance": "the class of Starlette's that takes the place of Flask's",
    "werkzeug": "Starlette's, or Python's own library",
    "extension": "a library that doesn't need Flask, or a dependency",
    "development-server": "uvicorn --reload",
    "server": "Uvicorn's workers: gunicorn -k uvicorn_worker.UvicornWorker, or uvicorn",
    "test": "fastapi.testclient.TestClient: .json(), .content, follow_redirects=False",
    "requirement": "fastapi and uvicorn, and none of these",
    "import": "from fastapi import …",
}

#: Names that Flask exports, without its own name: their kind.
FLASK = {
    "Flask": "app",
    "Config": "config",
    "Blueprint": "blueprint",
    "blueprints.Blueprint": "blueprint",
    "request": "request",
    "Request": "request",
    "g": "g",
    "session": "session",
    "current_app": "current_app",
    "jsonify": "jsonify",
    "json": "jsonify",
    "json.jsonify": "jsonify",
    "redirect": "redirect",
    "url_for": "url_for",
    "abort": "abort",
    "flash": "flash",
    "get_flashed_messages": "flash",
    "render_template": "template",
    "render_template_string": "template",
    "stream_template": "template",
    "stream_template_string": "template",
    "get_template_attribute": "template",
    "Markup": "template",
    "escape": "template",
    "make_response": "response",
    "Response": "response",
    "send_file": "response",
    "send_from_directory": "response",
    "stream_with_context": "response",
    "after_this_request": "hook",
    "has_request_context": "context",
    "has_app_context": "context",
    "copy_current_request_context": "context",
    "get_debug_flag": "development-server",
}
#: Modules of Flask: the kind of what is in them, but for the names above.
FLASK_MODULES = {
    "app": "app",
    "cli": "cli",
    "ctx": "context",
    "globals": "context",
    "helpers": "response",
    "json": "jsonify",
    "logging": "app",
    "sessions": "session",
    "signals": "hook",
    "templating": "template",
    "testing": "test",
    "typing": "app",
    "views": "route",
    "wrappers": "response",
}

#: Attributes that a Flask object or a blueprint has and FastAPI's lacks, and no other object
#: is likely to have: their kind, whatever they are an attribute of.
PLAIN = {
    "register_blueprint": "blueprint",
    "errorhandler": "error-handler",
    "app_errorhandler": "error-handler",
    "register_error_handler": "error-handler",
    "before_request": "hook",
    "before_app_request": "hook",
    "before_first_request": "hook",
    "before_app_first_request": "hook",
    "after_request": "hook",
    "after_app_request": "hook",
    "teardown_request": "hook",
    "teardown_app_request": "hook",
    "teardown_appcontext": "hook",
    "url_value_preprocessor": "hook",
    "app_url_value_preprocessor": "hook",
    "url_defaults": "hook",
    "app_url_defaults": "hook",
    "context_processor": "template",
    "app_context_processor": "template",
    "template_filter": "template",
    "template_global": "template",
    "template_test": "template",
    "add_template_filter": "template",
    "add_template_global": "template",
    "add_template_test": "template",
    "app_template_filter": "template",
    "app_template_global": "template",
    "app_template_test": "template",
    "shell_context_processor": "cli",
    "test_cli_runner": "test",
    "app_context": "context",
    "test_request_context": "context",
    "request_context": "context",
    "test_client": "test",
    "add_url_rule": "route",
    "validate_on_submit": "extension",
    "get_or_404": "extension",
    "first_or_404": "extension",
    "one_or_404": "extension",
}
#: Of those, the ones that are something only when they are called.
CALLED = frozenset({"app_context", "request_context", "test_client", "validate_on_submit"})

#: Further attributes of a Flask object that FastAPI's lacks.
APP = {
    "config": "config",
    "secret_key": "config",
    "permanent_session_lifetime": "config",
    "logger": "app",
    "url_map": "app",
    "testing": "app",
    "extensions": "app",
    "wsgi_app": "app",
    "json": "app",
    "json_encoder": "app",
    "json_provider_class": "app",
    "view_functions": "app",
    "root_path": "app",
    "instance_path": "app",
    "import_name": "app",
    "static_folder": "app",
    "static_url_path": "app",
    "static_folder_path": "app",
    "open_resource": "app",
    "send_static_file": "response",
    "make_response": "response",
    "response_class": "response",
    "request_class": "request",
    "session_interface": "session",
    "jinja_env": "template",
    "jinja_options": "template",
    "jinja_loader": "template",
    "cli": "cli",
    "run": "development-server",
    "route": "route",
    "url_for": "url_for",
    "handle_exception": "error-handler",
    "handle_user_exception": "error-handler",
    "ensure_sync": "app",
    "name": "app",
}
#: The methods by which Flask and Blueprint register a route, as FastAPI's too.
VERBS = frozenset({"get", "post", "put", "delete", "patch", "head", "options"})

#: What Flask's responses have and Starlette's lack.
RESPONSE = frozenset(
    [
        "data",
        "content_type",
        "mimetype",
        "mimetype_params",
        "get_data",
        "set_data",
        "get_json",
        "json",
        "is_json",
        "content_length",
        "content_encoding",
        "cache_control",
        "set_etag",
        "add_etag",
        "make_conditional",
        "call_on_close",
        "direct_passthrough",
        "last_modified",
        "expires",
        "retry_after",
        "vary",
        "www_authenticate",
        "status",
        "response",
        "location",
        "freeze",
    ]
)
HEADERS = frozenset({"get_all", "add", "set", "extend", "remove"})

#: What the answers of Flask's test client have, and those of FastAPI's lack.
ANSWER = frozenset(
    [
        "data",
        "get_data",
        "get_json",
        "json",
        "is_json",
        "mimetype",
        "content_type",
        "content_length",
        "status",
        "location",
        "request",
    ]
)
#: The same for those of WebTest's, which drives WSGI applications alone.
WEBTEST_ANSWER = frozenset(
    [
        "json",
        "status_int",
        "body",
        "form",
        "forms",
        "mustcontain",
        "follow",
        "maybe_follow",
        "showbrowser",
        "click",
    ]
)
CLIENT = frozenset({"open", "session_transaction"})
WEBTEST_CLIENT = frozenset({"post_json", "put_json", "patch_json", "delete_json", "authorization"})
#: Arguments of a test client's methods that httpx lacks.
ARGUMENTS = frozenset(
    [
        "content_type",
        "environ_base",
        "environ_overrides",
        "query_string",
        "path",
        "buffered",
        "base_url",
        "input_stream",
        "charset",
    ]
)
#: Arguments that name a test client, wherever they stand.
PLAIN_ARGUMENTS = frozenset({"environ_base", "environ_overrides", "expect_errors"})

#: What Flask puts into templates, and Flask's common extensions.
TEMPLATE = frozenset(
    [
        "url_for",
        "get_flashed_messages",
        "config",
        "request",
        "session",
        "g",
        "current_user",
        "moment",
        "csrf_token",
    ]
)

#: Extensions whose packages don't have Flask in their names.
EXTENSIONS = frozenset({"flasgger", "apiflask", "flaskext", "eve", "depot"})
#: Translation functions: where they come from changes, their calls don't.
TRANSLATION = frozenset(
    prefix + name
    for prefix in ("", "lazy_")
    for name in ("gettext", "ngettext", "pgettext", "npgettext", "_")
)
#: Extensions whose objects mostly stand for a library of their own.
DATABASES = frozenset({"flask_sqlalchemy", "flask_sqlalchemy_lite"})
#: What those objects have of Flask's.
DATABASE = frozenset({"init_app", "paginate", "get_app"})

#: What takes the place of an extension, by its module.
INSTEAD = {
    "flask_sqlalchemy": "SQLAlchemy: DeclarativeBase, and a session from a dependency",
    "flask_migrate": "Alembic's own program",
    "flask_login": "a dependency that gives the user (fastapi.security), or fastapi-login",
    "flask_jwt_extended": "a dependency with PyJWT (fastapi.security.HTTPBearer)",
    "flask_httpauth": "a dependency: fastapi.security.HTTPBasic, HTTPBearer",
    "flask_wtf": "WTForms itself with await request.form(), or a pydantic model",
    "flask_cors": "fastapi.middleware.cors.CORSMiddleware",
    "flask_caching": "a cache of its own: cachetools, fastapi-cache",
    "flask_limiter": "slowapi",
    "flask_mail": "fastapi-mail, or smtplib in a background task",
    "flask_babel": "Babel itself, with the locale from a dependency",
    "flask_moment": "moment.js or Intl, written into the template",
    "flask_bcrypt": "bcrypt itself",
    "flask_restful": "FastAPI's own routes and models",
    "flask_restx": "FastAPI's own routes, models and documents",
    "flask_smorest": "FastAPI's own routes, models and documents",
    "flask_apispec": "parameters and response_model of FastAPI, with pydantic models",
    "flask_marshmallow": "pydantic models, or marshmallow itself",
    "flask_socketio": "python-socketio's ASGI app, or FastAPI's WebSocket",
    "flask_session": "starlette's SessionMiddleware, or starsessions",
    "flask_admin": "sqladmin",
    "flask_talisman": "a middleware that sets the headers (secure)",
    "flask_compress": "starlette's GZipMiddleware",
    "flasgger": "FastAPI's own documents, at /docs",
}

#: Of Werkzeug: what takes the place of a name.
WERKZEUG = {
    "security.generate_password_hash": "argon2-cffi or bcrypt; it must read the old hashes",
    "security.check_password_hash": "argon2-cffi or bcrypt; it must read the old hashes",
    "utils.secure_filename": "pathlib.PurePath(name).name, and a check of its own",
    "exceptions": "fastapi.HTTPException",
    "middleware.proxy_fix": "uvicorn's --proxy-headers and --forwarded-allow-ips",
    "datastructures": "starlette.datastructures",
    "http.HTTP_STATUS_CODES": "http.HTTPStatus",
    "http.http_date": "email.utils.format_datetime(…, usegmt=True)",
    "serving.run_simple": "uvicorn.run",
    "wsgi": "none: there is no WSGI",
}

#: Packages that are servers of WSGI alone, test drivers for it, or change with the workers.
SERVERS = frozenset(
    [
        "gunicorn",
        "gevent",
        "eventlet",
        "meinheld",
        "waitress",
        "uwsgi",
        "pyuwsgi",
        "bjoern",
        "mod-wsgi",
        "webtest",
        "werkzeug",
    ]
)
#: Modules of theirs that a project imports.
SERVER_MODULES = frozenset({"gevent", "eventlet", "meinheld", "waitress", "bjoern", "gunicorn"})


def external(name: str) -> str | None:
    """Return the kind of the dotted name that isn't the project's own, or None."""
    parts = name.split(".")
    if parts[0] == "flask":
        rest = ".".join(parts[1:])
        for known in (rest, ".".join(parts[1:3]), parts[-1] if len(parts) == 3 else rest):
            if known in FLASK:
                return FLASK[known]
        if len(parts) > 1:
            return FLASK.get(parts[1]) or FLASK_MODULES.get(parts[1], "app")
        return None
    if parts[0] == "werkzeug":
        return "werkzeug"
    if extension(name):
        return "extension"
    if parts[0] == "webtest":
        return "test"
    return "server" if parts[0] in SERVER_MODULES else None


def extension(name: str) -> str | None:
    """Return the module of the extension that the dotted name is of, or None."""
    parts = name.split(".")
    for count, part in enumerate(parts, start=1):
        if part.startswith("flask_") or (count > 1 and part == "flask") or parts[0] in EXTENSIONS:
            return ".".join(parts[:count])
    return None


def instead(kind: str, name: str = "") -> str:
    """Return what takes the place of a use of a kind; ``name`` is dotted, or empty."""
    if kind == "extension":
        return INSTEAD.get(extension(name) or "", KINDS[kind])
    if kind == "werkzeug":
        rest = name.partition(".")[2]
        while rest:
            if rest in WERKZEUG:
                return WERKZEUG[rest]
            rest = rest.rpartition(".")[0]
    return KINDS[kind]


def distribution(name: str) -> bool:
    """Tell whether a distribution of that name, as normalised, is Flask's or for WSGI alone."""
    return "flask" in name.split("-") or name in SERVERS or name in EXTENSIONS
