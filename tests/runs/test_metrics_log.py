import json
import struct

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from jaxflow.runs.metrics_log import MetricWriter, digest_metrics, read_metrics


def events(folder):
    """Reads all event files: each record is its length, a checksum, the event, and a checksum."""
    found = []
    for path in sorted((folder / "tensorboard").iterdir()):
        data = path.read_bytes()
        while data:
            (size,) = struct.unpack("<Q", data[:8])
            found.append(Event.FromString(data[12 : 12 + size]))
            data = data[16 + size :]
    return found


def test_tensorboard_gets_what_the_lines_say(tmp_path):
    with MetricWriter(tmp_path) as writer:
        writer.write_texts(0, {"experiment": "{}"})
        writer.write_scalars(3, {"loss": 0.5, "accuracy": 0.25})
        writer.write_scalars(3, {"loss": 0.75}, "validation")
    found = events(tmp_path)
    assert found[0].file_version == "brain.Event:2"
    scalars = [(e.step, v.tag, v.simple_value) for e in found for v in e.summary.value if not v.HasField("tensor")]
    assert scalars == [(3, "train/loss", 0.5), (3, "train/accuracy", 0.25), (3, "validation/loss", 0.75)]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": 3, "split": "train", "loss": 0.5, "accuracy": 0.25},
                     {"step": 3, "split": "validation", "loss": 0.75}]  # fmt: skip
    texts = [(v.tag, v.tensor.string_val[0]) for e in found for v in e.summary.value if v.HasField("tensor")]
    assert texts == [("experiment/text_summary", b"{}")]


def test_a_writer_that_begins_at_a_step_hides_what_was_logged_after_it(tmp_path):
    with MetricWriter(tmp_path) as writer:
        for step in (1, 2, 3):
            writer.write_scalars(step, {"loss": 1.0})
    with MetricWriter(tmp_path, first_step=2) as writer:
        writer.write_scalars(3, {"loss": 2.0})
    assert [json.loads(line)["loss"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1, 1, 2]
    starts = [event.step for event in events(tmp_path) if event.session_log.status == SessionLog.START]
    assert starts == [1, 3]


def test_what_cannot_be_written_is_raised_and_everything_is_closed(tmp_path):
    writer = MetricWriter(tmp_path)
    with open("/dev/full", "w") as full:
        lines, writer._lines = writer._lines, full
        writer._files[0] = full
        for step in range(100):  # more than any queue holds
            writer.write_scalars(step, {"loss": 1.0})
        with pytest.raises(OSError, match="No space left"):
            writer.close()
    lines.close()
    assert full.closed
    assert writer._events._py_recordio_writer._writer.closed


def test_what_is_no_line_of_numbers_is_skipped_and_training_goes_on(tmp_path):
    good = [{"step": 1, "split": "train", "loss": 0.5}, {"step": 2, "split": "train", "loss": float("nan")}]
    wrong = [
        {"step": 1, "split": ["x"]},
        {"step": 1.5, "split": "train"},
        {"step": True, "split": "train"},
        {"step": 1, "split": "train", "loss": {"a": 2}},
        {"step": 1, "split": "train", "loss": "low"},
        {"step": 1, "split": "train", "loss": 10**400},
        {"step": 1, "split": None},
        ["step", "split"],
    ]
    lines = [json.dumps(line) for line in (good[0], *wrong, good[1])]
    (tmp_path / "metrics.jsonl").write_bytes("\n".join([*lines, "9" * 5000, "[" * 100_000]).encode() + b"\n\xff\xfe\n{")
    assert str(read_metrics(tmp_path)) == str(good)
    assert digest_metrics(tmp_path)["lines"] == 2
    with MetricWriter(tmp_path, first_step=2) as writer:
        writer.write_scalars(3, {"loss": 0.25})
    assert [line["step"] for line in read_metrics(tmp_path)] == [1, 2, 3]


def test_what_was_written_has_the_digest_of_what_is_read(tmp_path):
    with MetricWriter(tmp_path) as writer:
        for step in range(1, 5):
            writer.write_scalars(step, {"loss": 1 / step, "examples_per_second": 1e3 * step, "skipped": step})
        writer.write_scalars(4, {"loss": float("nan")}, "validation")
        writer.flush()
        written = writer.digest()
        assert written == digest_metrics(tmp_path)
        assert written["lines"] == 5
    with MetricWriter(tmp_path, 3) as writer:  # what came later is repeated, at another speed
        writer.write_scalars(4, {"loss": 1 / 4, "examples_per_second": 7.0, "skipped": 4})
        writer.write_scalars(4, {"loss": float("nan")}, "validation")
        assert writer.digest() == written
