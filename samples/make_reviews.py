"""Write `reviews/reviews.parquet`: `.venv/bin/python samples/make_reviews.py`. Shop and customers are invented."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = pa.schema(
    [
        ("review_id", pa.int64()),
        ("date", pa.date32()),
        ("product", pa.string()),
        ("rating", pa.int8()),
        ("verified", pa.bool_()),
        ("text", pa.string()),
    ]
)
REVIEWS = [
    ("03-01", "Kontor city bike", 5, True, "Ten weeks, 900 km, not one noise. The belt is a joy."),
    (
        "03-01",
        "Rain jacket",
        4,
        True,
        "Dry after an hour of rain. The hood does not fit over my helmet, though.",
    ),
    (
        "03-02",
        "Lock, folding, 85 cm",
        2,
        True,
        "The key broke off in the third week.\nNew one came fast, still.",
    ),
    ("03-02", "Check-up, spring", 5, True, "Bike back the same day, and they showed me what was worn."),
    (
        "03-03",
        "Brake pads, organic",
        1,
        True,
        "Hardly brake in the wet. I nearly ended in a van. Not for hills!",
    ),
    ("03-04", "Pump, standing, 11 bar", 5, True, "Best one I ever had."),
    (
        "03-04",
        "Helmet, city, M",
        3,
        True,
        "Good helmet, wrong size: 57 cm is tight in an M. Exchange went well.",
    ),
    ("03-05", "Strada 3 road bike", 4, True, "Fast and light. Saddle had to go after two days."),
    ("03-05", "Lastesel cargo bike", 5, True, "Two kids, one dog, no car. What else is there to say?"),
    ("03-06", "Bell, brass", 5, False, "Ding."),
    ("03-07", "Gloves, winter", 2, True, "Warm until -1. Advertised to -5. My fingers disagree."),
    ("03-07", "Pannier, pair, 40 litres", 5, True, "Nine years old, one hook replaced for free. Buy them."),
    (
        "03-08",
        "Chain, 11 speed, 118 links",
        1,
        True,
        "Arrived without the joining link, and nobody answers the phone.",
    ),
    ("03-09", "Child seat, rear", 4, True, "Sturdy, easy to clean; the belt is fiddly with cold hands."),
    ("03-10", "Tyre 700 x 32, puncture belt", 5, True, "12 months of broken glass and no puncture."),
    (
        "03-10",
        "Front light, 80 lux",
        3,
        True,
        "Bright. The cable is 10 cm too short for my frame, so I had to solder.",
    ),
    ("03-11", "Bib shorts", 4, True, "They do run small. In L they are perfect."),
    (
        "03-12",
        "Kontor city bike",
        2,
        True,
        "Delivered two weeks late with a scratched frame. 30 euros off, after three mails.",
    ),
    ("03-12", "Repair kit", 5, True, "Saved a Sunday in the forest."),
    (
        "03-13",
        "Strada 3 road bike",
        1,
        True,
        "The fork made cracking noises on day five. Shop took it back at once.",
    ),
    ("03-14", "Rear hub dynamo light", 4, False, "My neighbour has it and I can see him coming."),
    ("03-15", "Rain trousers", 3, True, "Dry, yes. But the left zip sticks."),
    ("03-16", "Wheel, truing", 5, True, "Waited twenty minutes, got coffee, and a true wheel."),
    ("03-17", "Lock, chain, 110 cm", 4, True, "Heavy as promised. Feels safe."),
    (
        "03-18",
        "Pfiff children's bike 16 inch",
        5,
        True,
        "She learned it in an afternoon!\n\nNow her brother wants one.",
    ),
    ("03-19", "Saddle, women, 155 mm", 5, True, "The cardboard trick works. No pain for the first time."),
    ("03-20", "Bottle, 0.75 l", 2, True, "Leaks when it lies on its side."),
    ("03-21", "Inner tube 28 inch, Presta 60 mm", 3, True, "It is a tube. Valve core was loose."),
    (
        "03-22",
        "Check-up, spring, e-bike",
        1,
        True,
        "They updated the firmware and since then the motor cuts out uphill. In traffic.",
    ),
    ("03-23", "Cap, cotton", 5, None, "Looks like 1972. Love it."),
]  # fmt: skip - a table reads best as one


def table() -> pa.Table:
    """Give the reviews with the types of their columns."""
    rows = [
        {
            "review_id": number,
            "date": date.fromisoformat(f"2026-{day}"),
            "product": product,
            "rating": rating,
            "verified": verified,
            "text": text,
        }
        for number, (day, product, rating, verified, text) in enumerate(REVIEWS, start=70_001)
    ]
    return pa.Table.from_pylist(rows, schema=COLUMNS)


if __name__ == "__main__":
    pq.write_table(table(), Path(__file__).parent / "reviews" / "reviews.parquet", compression="zstd")
