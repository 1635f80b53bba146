"""The curves on record, and whether they still hold."""

from vectorstore.domain.models import IndexSpec
from vectorstore.domain.recall import Curve, fingerprint, points_as_json, points_from_json
from vectorstore.models import RecallCurve


def curves_of(collection_id: int) -> dict[str, Curve]:
    """The newest curve of each field of a collection that has one."""
    return {
        row.field: Curve(
            fingerprint=row.fingerprint,
            parameter=row.parameter,
            rows=row.rows,
            measured_at=row.measured_at,
            points=points_from_json(row.points),
        )
        for row in RecallCurve.objects.filter(collection_id=collection_id)
    }


def record(collection_id: int, field: str, curve: Curve) -> None:
    """In place of the one before."""
    RecallCurve.objects.update_or_create(
        collection_id=collection_id,
        field=field,
        defaults={
            "fingerprint": curve.fingerprint,
            "parameter": curve.parameter,
            "rows": curve.rows,
            "points": points_as_json(curve.points),
            "measured_at": curve.measured_at,
        },
    )


def holds(curve: Curve | None, index: IndexSpec, rows: int) -> bool:
    """Whether there is a curve, of this index, and of about as many rows as there are."""
    return curve is not None and curve.fingerprint == fingerprint(index) and not curve.outgrown(rows)
