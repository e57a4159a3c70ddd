"""What lies under an app: bare and full bases, packages that a project stages, Ubuntu's way.

The packages are real ones, so these tests need the archive; what they say about Ubuntu is
said with an archive made of Debian's packages, see the fixture `ubuntu`.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import docker
import pytest
import yaml
from served import Load, Serve
from signed_archive import Key, SignedArchive, repackaged, served
from surroundings import EXAMPLES, ROOT, Rockery, tool

from rockery import base as bases
from rockery.layer import build, deb, runtime
from rockery.layer.composition import Member
from rockery.layer.compression import GZIP
from rockery.resolution import distribution
from rockery.resolution.apt import Apt, Mirrors, Package
from rockery.store import Store

pytestmark = pytest.mark.network

BASES = ["debian@12", "debian@13"]
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]

Pack = Callable[..., Path]


@pytest.fixture(params=BASES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pack(rockery: Rockery, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Pack flask-hello with other keys in its ``rockcraft.yaml``; the same ones only once."""
    done: dict[str, Path] = {}

    def make(
        keys: dict[str, object],
        *words: str,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> Path:
        wanted = json.dumps([keys, words], sort_keys=True)
        if wanted not in done:
            folder = tmp_path_factory.mktemp("project")
            project = folder / "flask-hello"
            shutil.copytree(EXAMPLES / "flask-hello", project)
            document = yaml.safe_load((project / "rockcraft.yaml").read_text())
            document = {**document, **keys, "platforms": {ARCHITECTURE: None}}
            if document["base"] != "bare":
                document.pop("build-base")
            (project / "rockcraft.yaml").write_text(yaml.safe_dump(document))
            said = rockery(*("-C", project, "pack", "--output", folder, *words), cwd=cwd, env=env)
            done[wanted] = Path(said.stdout.strip())
        return done[wanted]

    return make


def apt_of(base: str, store: Path) -> Apt:
    apt = Apt(Store(store), bases.load(base), ARCHITECTURE, Mirrors.from_words([]))
    apt.update()
    return apt


def members_of(store: Store, apt: Apt, packages: Sequence[Package]) -> list[Member]:
    """Return packages with their contents, fetched where the store lacks them."""
    missing = [p for p in packages if store.get("packages", p.sha256) is None]
    if missing:
        with store.temporary() as folder:
            archives = apt.download(missing, folder)
            for package in missing:
                deb.unpack(store, package.sha256, archives[package.sha256])
    members = []
    for package in packages:
        found = deb.contents(store, package.sha256, package.name, package.architecture)
        assert found is not None
        members.append(Member(package, found))
    return members


def run(
    engine: docker.DockerClient, image: str, *command: str, files: dict[str, bytes] | None = None
) -> str:
    """Run a command as root in a container, with files in its root; return what it printed."""
    program, *arguments = command
    container = engine.containers.create(image, arguments, entrypoint=program, user="0:0")
    try:
        if files:
            sink = io.BytesIO()
            with tarfile.open(fileobj=sink, mode="w") as archive:
                for path, data in files.items():
                    info = tarfile.TarInfo(path)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
            container.put_archive("/", sink.getvalue())
        container.start()
        status = container.wait()["StatusCode"]
        said = container.logs().decode(errors="replace")
        assert status == 0, said
        return str(said)
    finally:
        container.remove(force=True, v=True)


def script(name: str) -> str:
    """Return a file beside this one, which runs inside a container."""
    return (Path(__file__).parent / name).read_text()


def paths(rock: Path) -> dict[str, tarfile.TarInfo]:
    """Return what is in a ``.rock``, by path; upper layers win."""
    found = {}
    with tarfile.open(rock) as archive:

        def blob(digest: str) -> bytes:
            member = archive.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert member is not None
            return member.read()

        index = archive.extractfile("index.json")
        assert index is not None
        manifest = json.loads(blob(json.load(index)["manifests"][0]["digest"]))
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(blob(layer["digest"])), mode="r:gz") as content:
                for member in content:
                    found[member.name] = member
    return found


# ---------------------------------------------------------------- bare


#: What isn't in a bare rock on purpose (`trim` in bases/rules.yaml), or is for Windows.
WITHOUT = {"ensurepip", "idlelib", "lib2to3", "pydoc_data", "tkinter", "turtle", "turtledemo"}
WITHOUT |= {"_dbm", "_tkinter", "_gdbm", "nis"}
#: What stands in for modules of C where a Python lacks them, or is for AIX and macOS.
WITHOUT |= {"_pydatetime", "_pydecimal", "_pyio"}
WITHOUT |= {"_aix_support", "_apple_support", "_osx_support"}
WINDOWS = {"msilib", "msvcrt", "nt", "winreg", "winsound", "_msi", "_overlapped", "_winapi", "_wmi"}
WINDOWS |= {"_scproxy", "_android_support", "_ios_support"}


@pytest.mark.engine
def test_a_bare_rock_lacks_nothing_that_python_may_want(
    engine: docker.DockerClient, load: Load, packed: Callable[..., Path], name: str
) -> None:
    image = load(packed("flask-hello", name))
    found = json.loads(run(engine, image, "/usr/bin/python3", "-c", script("inside_bare.py")))
    assert set(found["lost"]) <= WITHOUT | WINDOWS
    libraries = found["libraries"]
    assert libraries.pop("nothing") is None
    assert None not in libraries.values()
    entries, same = found["cache"]
    assert same, "ldconfig makes another cache"
    assert entries > 30
    assert found["unresolved"] == {}
    assert found["special"] == [], "set-uid or set-gid"
    assert found["changed"] == []
    assert found["checked"] > 500
    assert found["trusted"] > 100
    assert found["zones"] > 400
    assert found["locale"] == ["C.UTF-8", "utf-8"]
    assert found["modes"] == {"/root": "0o700", "/tmp": "0o1777", "/var/tmp": "0o1777"}
    assert found["shell"].split() == ["/usr/bin/ls", "0", "2"]


# ---------------------------------------------------------------- full


@pytest.mark.engine
def test_a_full_base_is_one_that_dpkg_and_apt_can_live_in(
    engine: docker.DockerClient, load: Load, pack: Pack, store: Path, name: str
) -> None:
    image = load(pack({"base": name}))
    apt = apt_of(name, store)
    # Alternatives, debconf, an account, systemd's helpers, libraries.
    sysusers = "systemd-standalone-sysusers"  # Debian 13's way to accounts, without systemd
    wanted = ("vim-tiny", "less", "fontconfig-config", "dbus", sysusers, "rsync")
    rules = apt.base.rules
    there = apt.resolve((*rules.full, *rules.runtime))
    below = {package.name for package in there}
    new = [p for p in apt.resolve((*rules.full, *rules.runtime, *wanted)) if p.name not in below]
    with tempfile.TemporaryDirectory() as folder:
        archives = apt.download(new, Path(folder))
        files = {f"debs/{path.name}": path.read_bytes() for path in archives.values()}
    said = run(engine, image, "/bin/sh", "-c", script("inside_full.sh"), files=files)
    found = dict(re.findall(r"^(\w+): ?(.*)$", said, re.MULTILINE))
    assert found == {
        "audit": "",
        "check": "ok",
        "su": "ok",
        "nobody": "nobody",
        "daemon": "584792",
        "awk": "2",
        "pam": "0",
        "special": "",
        "changed": "",
        "missing": "",
        "locale": "UTF-8",
        "date": "01",
        "tls": 'OPENSSLDIR: "/usr/lib/ssl"',
        "sources": "2",
        "installed": "ok",
        "editor": "/usr/bin/vim.tiny",
        "pager": "/usr/bin/less",
        "user": "messagebus",
        "trigger": "1",
        "errors": "",
    }


@pytest.mark.engine
def test_an_app_is_served_above_a_full_base(
    load: Load, pack: Pack, serve: Serve, name: str
) -> None:
    with serve(load(pack({"base": name}))) as rock:
        assert rock.get("/").status == 200


# ---------------------------------------------------------------- staged packages


def test_a_part_narrows_and_moves_the_files_of_its_packages(pack: Pack) -> None:
    parts = {
        "database": {
            "plugin": "nil",
            "stage-packages": ["libpq5_libs"],
            "organize": {"usr/share/doc/libpq5/copyright": "usr/share/doc/database/copyright"},
        },
        "tool": {
            "plugin": "nil",
            "stage-packages": ["less"],
            "stage": ["-usr/bin/lesspipe", "-usr/bin/lessfile"],
            "prime": ["usr/bin"],
        },
    }
    found = paths(pack({"parts": parts}))
    assert any(re.fullmatch(r"usr/lib/[^/]+/libpq\.so\.5", path) for path in found)
    assert "usr/share/doc/database/copyright" in found
    assert "usr/share/doc/libpq5/copyright" not in found
    assert "usr/bin/less" in found
    assert "usr/bin/lesspipe" not in found
    assert not any(path.startswith("usr/lib/mime") for path in found)
    assert {"var/lib/dpkg/status.d/less", "var/lib/dpkg/status.d/libpq5"} <= found.keys()


STAGED = ("fontconfig", "fonts-dejavu-core", "shared-mime-info", "librsvg2-common")


@pytest.mark.engine
def test_caches_of_staged_packages_are_made_and_used(
    engine: docker.DockerClient, store: Path, tmp_path: Path, name: str
) -> None:
    apt = apt_of(name, store)
    words = distribution.request(apt.base, STAGED, bare=True)
    found = distribution.resolve(Store(tmp_path), "staged", apt, words, bare=True)
    members = members_of(Store(store), apt, found.runtime)

    def composed(folder: Path) -> runtime.Composition:
        folder.mkdir(parents=True)
        bench = runtime.Bench(folder, 0)
        return runtime.compose_bare(apt.base, ARCHITECTURE, members, words, {}, bench)

    made, again = composed(tmp_path / "staged"), composed(tmp_path / "staged elsewhere/deeper")
    assert made.notes == []
    assert made.entries == again.entries, "what tools make depends on where they ran"
    layer = build(
        Store(tmp_path),
        "staged",
        kind="runtime",
        title="staged",
        entries=made.finished(),
        ground=runtime.ground(apt.base, ARCHITECTURE),
        scheme=GZIP,
        mtime=0,
    )
    repository, tag = "rockery-test-staged", name.replace("@", "-")
    engine.api.import_image_from_file(str(layer.blob), repository, tag)
    image = f"{repository}:{tag}"
    try:
        fonts = run(engine, image, "/usr/bin/fc-cache", "-v", "-s")
        assert "dejavu: skipping, existing cache is valid" in fonts
        assert run(engine, image, "/usr/bin/fc-match", "DejaVu Sans").startswith("DejaVuSans.ttf")
        listing = "cat /usr/lib/*/gdk-pixbuf-2.0/2.10.0/loaders.cache /usr/share/mime/types"
        listed = run(engine, image, "/bin/sh", "-c", listing)
        folder = f'"/usr/lib/{os.uname().machine}-linux-gnu/gdk-pixbuf-2.0/'
        assert re.search(rf"^{folder}.*svg", listed, re.MULTILINE | re.IGNORECASE)
        assert "staged" not in listed
        assert "image/png" in listed
    finally:
        engine.images.remove(image, force=True)


# ---------------------------------------------------------------- Ubuntu


@pytest.fixture(scope="module")
def ubuntu(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout whose Ubuntu bases trust our key, and the archive they are served from.

    It has Debian 12's packages: files under ``/lib`` and ``/bin`` as Ubuntu 22.04 has them,
    repackaged with zstd as all of Ubuntu's are. So Python is 3.11 there.
    """
    tool("gpg")
    apt = apt_of("debian@12", store)
    rules = apt.base.rules
    words = [word.split("_")[0] for word in (*rules.runtime, *rules.bare)]
    packages = apt.resolve((*rules.full, *words))
    checkout = tmp_path_factory.mktemp("checkout")
    with tempfile.TemporaryDirectory(prefix="key-") as home:
        key = Key(Path(home) / "gnupg")
        archive = SignedArchive(checkout / "ubuntu", key, ARCHITECTURE)
        for member in members_of(Store(store), apt, packages):
            data = repackaged(member.contents)
            kept = re.sub(
                r"^(Filename|Size|MD5sum|SHA\d+):.*\n?", "", member.package.control, flags=re.M
            )
            archive.add(f"{member.package.name}_{member.package.sha256[:8]}", data, kept)
        for entry in ROOT.iterdir():
            if entry.name not in ("bases", ".git"):
                (checkout / entry.name).symlink_to(entry)
        shutil.copytree(ROOT / "bases", checkout / "bases")
        (checkout / "bases/keys/ubuntu.asc").write_bytes(key.armored())
        for release in ("22.04", "24.04"):
            path = checkout / f"bases/ubuntu@{release}.yaml"
            text = re.sub(r"(?m)^python: .*$", 'python: "3.11"', path.read_text())
            path.write_text(text)
            suites = yaml.safe_load(text)["archives"][0]["suites"]
            archive.publish(suites, ("main", "universe"))
        key.close()
        yield checkout


@pytest.mark.engine
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"base": "bare", "build-base": "ubuntu@22.04"}, id="bare on 22.04"),
        pytest.param({"base": "ubuntu@24.04"}, id="24.04"),
    ],
)
def test_ubuntu_goes_the_same_way(
    pack: Pack, load: Load, serve: Serve, ubuntu: Path, keys: dict[str, object]
) -> None:
    with served(ubuntu / "ubuntu") as address:
        rock = pack(
            keys, "--mirror", f"ubuntu={address}", cwd=ubuntu, env={"PYTHONPATH": str(ubuntu)}
        )
    with serve(load(rock)) as container:
        assert container.get("/").status == 200
    found = paths(rock)
    assert not any(path.startswith(("lib/", "bin/", "sbin/")) for path in found)


@pytest.mark.engine
@pytest.mark.parametrize("release", ["ubuntu@22.04", "ubuntu@24.04"])
@pytest.mark.parametrize("full", [False, True])
def test_the_real_ubuntu(pack: Pack, load: Load, serve: Serve, release: str, full: bool) -> None:
    """Where its archive can be reached: ROCKERY_TEST_UBUNTU=1, and a mirror if need be."""
    if not os.environ.get("ROCKERY_TEST_UBUNTU"):
        pytest.skip("needs Ubuntu's archive: set ROCKERY_TEST_UBUNTU=1")
    keys = {"base": release} if full else {"base": "bare", "build-base": release}
    with serve(load(pack(keys))) as container:
        assert container.get("/").status == 200
