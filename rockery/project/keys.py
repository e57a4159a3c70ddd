"""Every key that rockcraft knows, and what becomes of it here.

The tables are what validation goes by and what ``docs/rockcraft-yaml.md`` is written from:
``python -m rockery.project.keys`` prints that page.
"""

from __future__ import annotations

from collections.abc import Mapping

from rockery.record import Record


class Key(Record):
    """One key; ``refusal`` says why it cannot be honoured, and is empty where it is."""

    meaning: str
    refusal: str = ""

    @property
    def honoured(self) -> bool:
        """Tell whether the key has its effect."""
        return not self.refusal


def _refused(refusal: str) -> Key:
    return Key("", refusal)


ROCK: Mapping[str, Key] = {
    "name": Key("the rock's name, and the first part of its file's"),
    "title": Key("a name for people, an annotation of the image; `name` where not given"),
    "version": Key("the rock's version, up to 32 characters; numbers count as they are written"),
    "summary": Key("one line of up to 78 characters"),
    "description": Key("what it is, in a paragraph or two"),
    "base": Key("`bare`, or the distribution release that lies under the parts"),
    "build-base": Key("the release that packages come from; needed with `base: bare`"),
    "license": Key("an SPDX expression, an annotation of the image"),
    "platforms": Key("what to pack for: `amd64`, `arm64`, or names with `build-on`, `build-for`"),
    "services": Key("the services of the Pebble plan"),
    "checks": Key("the health checks of the Pebble plan"),
    "parts": Key("what the rock is made of"),
    "extensions": Key("the extensions that expand the file; gone once expanded"),
    "adopt-info": Key("the part whose script sets the version with `craftctl set version`"),
    "entrypoint-service": Key("the service that gets the arguments given to the container"),
    "entrypoint-command": Key("a command that replaces Pebble as the image's entrypoint"),
    "environment": Key("variables of the image"),
    "run-user": Key("the image's user: `_daemon_`"),
    "package-repositories": _refused(
        "packages come from the build host's own mirrors, or from those given by option"
    ),
    "contact": Key("kept in `/.rock/metadata.yaml`"),
    "issues": Key("kept in `/.rock/metadata.yaml`"),
    "source-code": Key("an annotation of the image"),
    "build-slices": _refused("slices to build in are made by chisel, which rockery does not run"),
    "cmd": _refused("a rock's entrypoint is Pebble: use 'command' of a service under 'services'"),
    "entrypoint": _refused(
        "a rock's entrypoint is Pebble: use 'command' of a service under 'services', or "
        "'entrypoint-service'"
    ),
    "env": _refused("use 'environment'"),
}

_OVERLAY = (
    "overlays change the base as root, which rockery never is: use 'stage-packages' or a part"
)

PART: Mapping[str, Key] = {
    "plugin": Key("how the part is built; the part's name where that is a plugin's"),
    "source": Key(
        "a folder of the project, or where to fetch the source, once (`rockery clean` forgets it)"
    ),
    "source-type": Key("what kind of source it is: `local`, `git`, `tar`, `file`, …"),
    "source-subdir": Key("the folder of the source to build in"),
    "source-branch": Key("the branch of a git source"),
    "source-tag": Key("the tag of a git source"),
    "source-commit": Key("the commit of a git source"),
    "source-depth": Key("how much history of a git source to fetch"),
    "source-submodules": Key("the submodules of a git source to fetch"),
    "source-checksum": Key("`algorithm/digest` of a fetched source"),
    "source-channel": _refused("a snap as a source needs snapd: unpack it and use the folder"),
    "after": Key("parts to build before this one"),
    "build-packages": Key("packages of the build host; installed as root, else only checked"),
    "build-snaps": Key("not installed: the command each would give is looked for on PATH"),
    "build-environment": Key("variables of the part's build, in order"),
    "build-attributes": Key("switches of the plugin"),
    "build-slices": _refused("slices to build in are made by chisel, which rockery does not run"),
    "stage-packages": Key("packages, or slices of packages, that go into the rock"),
    "stage-slices": Key("as `stage-packages`"),
    "stage-snaps": _refused("a snap's files need snapd: use 'stage-packages' or a part"),
    "stage": Key("which files of the part go on: names, globs, `-` for all but"),
    "prime": Key("which of those go into the rock"),
    "organize": Key("where files go; applied before `stage` and `prime`"),
    "permissions": Key("owner, group and mode by path"),
    "override-pull": Key("a script in place of fetching the source"),
    "override-build": Key("a script in place of the plugin's"),
    "override-stage": Key("a script in place of staging"),
    "override-prime": Key("a script in place of priming"),
    "disable-parallel": Key("build with one job"),
    "overlay": _refused(_OVERLAY),
    "overlay-packages": _refused(_OVERLAY),
    "overlay-recommended-packages": _refused(_OVERLAY),
    "overlay-script": _refused(_OVERLAY),
    "override-overlay": _refused(_OVERLAY),
}

#: Each plugin's own keys, as craft-parts 2.37 defines them.
PLUGINS: Mapping[str, tuple[str, ...]] = {
    "ant": ("ant-build-targets", "ant-build-file", "ant-properties"),
    "autotools": ("autotools-configure-parameters", "autotools-bootstrap-parameters"),
    "bazel": ("bazel-targets", "bazel-parameters"),
    "cargo-use": (),
    "cmake": ("cmake-parameters", "cmake-generator"),
    "colcon": ("colcon-cmake-args", "colcon-packages", "colcon-packages-ignore"),
    "dotnet": (
        "dotnet-build-configuration",
        "dotnet-self-contained-runtime-identifier",
        "dotnet-configuration",
        "dotnet-project",
        "dotnet-properties",
        "dotnet-self-contained",
        "dotnet-verbosity",
        "dotnet-version",
        "dotnet-restore-configfile",
        "dotnet-restore-properties",
        "dotnet-restore-sources",
        "dotnet-build-framework",
        "dotnet-build-properties",
        "dotnet-publish-properties",
    ),
    "dump": (),
    "go": ("go-buildtags", "go-generate"),
    "go-use": (),
    "gradle": ("gradle-init-script", "gradle-parameters", "gradle-task", "gradle-use-daemon"),
    "gradle-use": ("gradle-init-script", "gradle-parameters", "gradle-use-daemon"),
    "jlink": ("jlink-jars", "jlink-extra-modules", "jlink-modules", "jlink-multi-release"),
    "make": ("make-parameters",),
    "maven": ("maven-parameters", "maven-use-wrapper"),
    "maven-use": ("maven-use-parameters",),
    "meson": ("meson-parameters",),
    "nil": (),
    "npm": ("npm-include-node", "npm-node-version"),
    "npm-use": ("npm-include-node", "npm-node-version"),
    "poetry": ("poetry-with", "poetry-export-extra-args", "poetry-pip-extra-args"),
    "python": ("python-requirements", "python-constraints", "python-packages"),
    "qmake": ("qmake-parameters", "qmake-project-file", "qmake-major-version"),
    "ruby": (
        "ruby-gems",
        "ruby-use-bundler",
        "ruby-flavor",
        "ruby-version",
        "ruby-use-jemalloc",
        "ruby-shared",
        "ruby-configure-options",
    ),
    "rust": (
        "rust-features",
        "rust-path",
        "rust-channel",
        "rust-use-global-lto",
        "rust-no-default-features",
        "rust-ignore-toolchain-file",
        "rust-cargo-parameters",
        "rust-inherit-ldflags",
    ),
    "scons": ("scons-parameters",),
    "uv": ("uv-extras", "uv-groups"),
}

#: Plugins that build without a source.
SOURCELESS = frozenset({"nil", "jlink"})

SERVICE: Mapping[str, Key] = {
    "summary": Key("one line about it"),
    "description": Key("more about it"),
    "override": Key("`replace` or `merge`, for a Pebble layer above"),
    "command": Key("what to run; `[ … ]` holds arguments that `--args` replaces"),
    "startup": Key("`enabled` or `disabled`"),
    "after": Key("services that start before it"),
    "before": Key("services that start after it"),
    "requires": Key("services that start with it"),
    "environment": Key("its variables"),
    "user": Key("who runs it, by name"),
    "user-id": Key("who runs it, by number"),
    "group": Key("its group, by name"),
    "group-id": Key("its group, by number"),
    "working-dir": Key("the folder it starts in"),
    "on-success": Key("what happens when it ends well"),
    "on-failure": Key("what happens when it fails"),
    "on-check-failure": Key("what happens when a check fails, by check"),
    "backoff-delay": Key("the first pause before a restart"),
    "backoff-factor": Key("what each further pause is multiplied by"),
    "backoff-limit": Key("the longest pause"),
    "kill-delay": Key("from SIGTERM to SIGKILL"),
}

CHECK: Mapping[str, Key] = {
    "override": Key("`replace` or `merge`, for a Pebble layer above"),
    "level": Key("`alive` or `ready`"),
    "startup": Key("`enabled` or `disabled`"),
    "period": Key("how often"),
    "timeout": Key("how long at most"),
    "threshold": Key("failures in a row before it counts as failed"),
    "http": Key("`url`, `headers`"),
    "tcp": Key("`port`, `host`"),
    "exec": Key(
        "`command`, `service-context`, `environment`, `user`, `user-id`, `group`, `group-id`, "
        "`working-dir`"
    ),
}


def page() -> str:
    """Return the reference page of all keys, as Markdown."""
    sections = [
        "# Keys of rockcraft.yaml",
        "",
        "Each key that rockcraft knows is honoured, or refused with its name and the sentence "
        "below. A key that neither knows is an error that names the nearest one.",
        "",
        "<!-- Written by `python -m rockery.project.keys`; a test compares. -->",
    ]
    for title, keys in (
        ("Top level", ROCK),
        ("A part", PART),
        ("A service", SERVICE),
        ("A check", CHECK),
    ):
        sections += ["", f"## {title}", "", "| key | honoured | what it does, or why not |"]
        sections += ["|---|---|---|"]
        sections += [
            f"| `{name}` | {'yes' if key.honoured else 'no'} | {key.meaning or key.refusal} |"
            for name, key in keys.items()
        ]
    sections += ["", "## Plugins and their own keys", "", "| plugin | keys |", "|---|---|"]
    sections += [
        f"| `{name}` | {', '.join(f'`{key}`' for key in keys) or '—'} |"
        for name, keys in PLUGINS.items()
    ]
    return "\n".join(sections) + "\n"


if __name__ == "__main__":
    print(page(), end="")
