"""What every table of the settings is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Units = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, hide_input_in_errors=False)


AUTO = "auto"
"""What a setting says that the node itself is asked for."""

_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


def _fault_of_url(value: str) -> str | None:
    """Why requests cannot be sent there; None where they can."""
    if not value.lower().startswith(("http://", "https://")):
        return "it begins with neither http:// nor https://"
    if any(not one.isprintable() or one.isspace() for one in value):
        return "it has a space or a control character in it"
    try:
        found = _URL.validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"].removeprefix("Input should be a valid URL, ")
    whole = found.query is None and found.fragment is None
    return None if whole else "paths are added to its end: there can be no ? and no # in it"


def _checked(value: str) -> str:
    fault = _fault_of_url(value)
    if fault is None:
        return value
    near = next((url for url in (value.strip(), f"http://{value.strip()}") if _fault_of_url(url) is None), None)
    raise ValueError(f"{value!r} is no URL: {fault}" + (f"; did you mean {near!r}?" if near else ""))


WebUrl = Annotated[str, AfterValidator(_checked)]
"""An http or https URL that paths are added to."""
WebUrlOrNone = Annotated[str, AfterValidator(lambda value: value and _checked(value))]
"""The same, or empty."""
WebUrlOrAuto = Annotated[str, AfterValidator(lambda value: value if value in {"", AUTO} else _checked(value))]
"""The same, or empty, or `auto`."""
