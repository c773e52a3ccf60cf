"""The files that a release fills in before it uploads them: install.sh and the policy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from agent.release.bundle import Archive
from agent.release.location import Location
from agent.release.places import ReleaseError
from agent.release.wheels import ARCHITECTURES

BEGIN = "# >>> filled by tidemark publish"
END = "# <<<"

_ASSIGNMENT = re.compile(r"(\w+)=\"\"")
_UNSAFE = re.compile(r'["$`\\\n]')


def install_values(version: str, base: Location, archives: Iterable[Archive]) -> dict[str, str]:
    """What install.sh has to know, by the name of its variable. Empty for an archive that is not published."""
    values = {"TIDEMARK_VERSION": version, "TIDEMARK_BASE": base.uri}
    for architecture in ARCHITECTURES:
        values |= {f"SHA256_{architecture}": "", f"SHA256_PYTHON_{architecture}": ""}
        values[f"PYTHON_BUNDLE_{architecture}"] = ""
    for each in archives:
        if each.kind == "python":
            values[f"SHA256_PYTHON_{each.architecture}"] = each.sha256
            values[f"PYTHON_BUNDLE_{each.architecture}"] = each.path.name
        elif each.kind == "bundle":
            values[f"SHA256_{each.architecture}"] = each.sha256
    return values


def fill_install(template: str, values: Mapping[str, str]) -> str:
    """The script with `NAME="value"` for each `NAME=""` between its two marks.

    Raises ReleaseError unless the names between the marks are exactly those of `values`.
    """
    lines = template.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.rstrip("\n") == BEGIN]
    ends = [number for number, line in enumerate(lines) if line.rstrip("\n") == END]
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise ReleaseError(f"install.sh has not exactly one {BEGIN!r} with one {END!r} after it")
    inside = range(begins[0] + 1, ends[0])
    placed = {found[1]: number for number in inside if (found := _ASSIGNMENT.fullmatch(lines[number].rstrip("\n")))}
    if len(placed) != len(inside) or placed.keys() != values.keys():
        differing = sorted(placed.keys() ^ values.keys()) or ['a line that is no NAME=""']
        raise ReleaseError(f"the placeholders of install.sh are not those of this release: {', '.join(differing)}")
    for name, value in values.items():
        if _UNSAFE.search(value):
            raise ReleaseError(f"{name}: {value!r} cannot be written into a shell script")
        lines[placed[name]] = f'{name}="{value}"\n'
    return "".join(lines)


def fill_policy(template: str, place: Location, given: Mapping[str, str | None], partition: str = "aws") -> str:
    """The policy document for this bucket and what is `given`, ARNs by placeholder. A statement about one that is not
    there, such as that which notifies without a topic, is left out.

    It names the prefix above the versions, so that an upgrade needs no other policy.
    """
    policy: dict[str, Any] = json.loads(template)
    for placeholder, arn in given.items():
        if arn is None:
            policy["Statement"] = [one for one in policy["Statement"] if placeholder not in json.dumps(one)]
    text = json.dumps(policy, indent=2).replace("@BUCKET@/@PREFIX@", f"{place.bucket}/{place.prefix}".rstrip("/"))
    text = text.replace("@BUCKET@", place.bucket).replace("@PREFIX@", place.prefix)
    text = text.replace("arn:aws:", f"arn:{partition}:")
    for placeholder, arn in given.items():
        text = text.replace(placeholder, arn or "")
    if left := re.findall(r"@[A-Z_]+@", text):
        raise ReleaseError(f"iam-policy.json has placeholders that nothing fills: {', '.join(left)}")
    return text + "\n"
