"""Fetches Apache Kafka with Maven, once, into a cache folder, and finds a Java that runs it."""

import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Final

from schemas.faults import TerminalFault

POM: Final = Path(__file__).with_name("pom.xml")
OLDEST_JAVA: Final = 17
FETCH_SECONDS: Final = 600.0


class NoJava(TerminalFault):
    """Java or Maven is missing, or too old."""


class KafkaNotFetched(TerminalFault):
    """Maven could not bring Kafka."""


def kafka_version() -> str:
    """The version that ``pom.xml`` pins."""
    # The file is our own: nothing in it is foreign.
    root = ElementTree.parse(POM).getroot()  # noqa: S314
    found = root.findtext("./{*}properties/{*}kafka.version")
    if not found:
        raise KafkaNotFetched(f"{POM} names no kafka.version")
    return found


def find_java() -> str:
    """Path of a Java of version 17 or newer; raises NoJava that says what to install."""
    java = shutil.which("java")
    if java is None:
        raise NoJava(
            f"no java in PATH: install Java {OLDEST_JAVA} or newer (Debian: apt install openjdk-17-jre-headless)"
        )
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoJava(f"{java} is {told.splitlines()[0] if told else 'unknown'}; Java {OLDEST_JAVA} or newer is needed")
    return java


def fetch_kafka(cache: Path) -> Path:
    """The folder with Kafka's jars; fetched by Maven where it is not there yet. Raises NoJava, KafkaNotFetched."""
    folder = cache / f"kafka-{kafka_version()}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise NoJava("no mvn in PATH: install Maven, which fetches Kafka once (Debian: apt install maven)")
    cache.mkdir(parents=True, exist_ok=True)
    # Under another name first: a fetch that is interrupted must not pass for a whole one.
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-") as draft:
        jars = Path(draft) / "jars"
        command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        if done.returncode or not jars.is_dir():
            raise KafkaNotFetched(
                f"Maven could not fetch Kafka {kafka_version()}: {(done.stdout + done.stderr)[-500:]}"
            )
        jars.replace(folder)
    return folder
