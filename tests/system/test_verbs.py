"""The commands about systems, as a user types them."""

from __future__ import annotations

import json

import pytest

from hwsim.cli import main


@pytest.mark.parametrize(
    ("command", "schema"),
    [
        ("system light_squeezenet --system glacier_point_v2 --bits w8a8", "hwsim/system/1"),
        ("system light_squeezenet --system four_a100_nvlink --way channels", "hwsim/system/1"),
        (
            "train light_squeezenet --device v100 --batch 4 --recompute 3 --replicas 2 --link-gb-per-s 10",
            "hwsim/training/1",
        ),
        (
            "decode layers=2,width=64,heads=4,hidden=128,vocabulary=100 --device a100_sxm_80g --tokens 4",
            "hwsim/serving/1",
        ),
        ("scenario light_squeezenet --device tpu_v1 --scenario server --limit-ms 5", "hwsim/scenario/1"),
        ("scenario light_squeezenet --device tpu_v1 --scenario offline --replicas 3", "hwsim/scenario/1"),
        ("scenario light_squeezenet --device tpu_v1 --scenario multi-stream", "hwsim/scenario/1"),
        ("scenario light_squeezenet --device tpu_v1 --scenario offline --largest-batch 4", "hwsim/scenario/1"),
        ("system light_squeezenet --device tpu_v1 --limit-ms 1 --rate 100", "hwsim/system/1"),
        ("compose series light_squeezenet light_zfnet512 --system glacier_point_v2 --bits w8a8", "hwsim/flow/1"),
        (
            "compose cascade light_squeezenet light_zfnet512 --device tpu_v1 --escalation 0.2 --budget-ms 1",
            "hwsim/flow/1",
        ),
        (
            "compose ensemble light_squeezenet light_squeezenet --device tpu_v1 --count 2 --against light_zfnet512",
            "hwsim/flow/1",
        ),
        ("compose coded light_squeezenet --device tpu_v1 --count 8", "hwsim/flow/1"),
    ],
)
def test_tables_and_records(command: str, schema: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 100
    assert main([*command.split(), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == schema


@pytest.mark.parametrize(
    ("command", "said", "code"),
    [
        ("system light_squeezenet --system glacier", "no such system (did you mean glacier_point_v2?)", 2),
        ("system light_squeezenet --system glacier_point_v2 --way pipelin", "did you mean pipeline", 2),
        ("system light_squeezenet --system glacier_point_v2 --on card9", "no such device", 2),
        ("system light_squeezenet", "give --system, or --device", 2),
        ("system light_squeezenet --device tpu_v1 --limit-ms 0.001", "for the smallest batch", 1),
        ("system light_squeezenet --device tpu_v1 --limit-ms 1 --batch 2", "leave --batch out", 2),
        ("compose cascade light_squeezenet --device tpu_v1 --escalation 0.1", "takes 2 networks", 2),
        ("compose cascade light_squeezenet light_squeezenet --device tpu_v1", "give --escalation", 2),
        ("compose flow --system glacier_point_v2", "names no networks", 2),
        ("train light_squeezenet --device v100 --replicas 2", "a link between several", 2),
        ("train light_squeezenet --device v100 --bits w8a8", "floating point", 2),
        ("train light_squeezenet --device v100 --optimizer adm", "there are sgd", 2),
        ("decode gpt3 --device v100", "a decoder is an ONNX file, gpt2", 2),
        ("decode light_squeezenet --device v100", "has no input of tokens", 2),
        ("decode gpt2 --device v100 --cache-type int", "not a data type", 2),
        ("decode gpt2 --device v100 --bits fp16", "--bits is for a file", 2),
        ("decode gpt2 --device tpu_v4i --cache-memory cme", "in cmem or hbm (did you mean cmem?)", 2),
        ("decode layers=2 --device v100", "needs width", 2),
        ("decode layers=x,width=1 --device v100", "a whole number", 2),
        ("scenario light_squeezenet --device tpu_v1 --scenario serve", "did you mean server", 2),
        ("scenario light_squeezenet --device tpu_v1 --scenario server", "a limit", 2),
        ("scenario light_squeezenet --device tpu_v1 --scenario server --rate 1e9 --limit-ms 1", "cannot keep up", 1),
        (
            "scenario light_squeezenet --device tpu_v1 --scenario server --rate 1e9",
            "more queries arrive than it answers\n",
            1,
        ),
        (
            "scenario light_squeezenet --device tpu_v1 --scenario server --rate 7000 --limit-ms 0.2",
            "within the limit\n",
            1,
        ),
        ("system light_squeezenet --device tpu_v1 --rate 1e9", "more batches arrive than it answers\n", 1),
        ("scenario light_squeezenet --device tpu_v1 --largest-batch 4", "for offline and server", 2),
        (
            "scenario light_squeezenet --device tpu_v1 --scenario offline --batch 2 --largest-batch 4",
            "leave --batch",
            2,
        ),
        ("estimate light_squeezenet --device v100 --algorithm winograd_f2", "does not declare", 2),
    ],
)
def test_mistakes_in_one_line(command: str, said: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_systems_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems"]) == 0
    assert "glacier_point_v2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["decode", "gpt2", "--prompt", "8", "--tokens", "3"], ()),
        (["train", "light_squeezenet"], ()),
        (["compose", "cascade", "light_squeezenet", "light_resnet50", "--escalation", "0.2"], ("totals",)),
    ],
    ids=lambda item: str(item[0]) if item else "",
)
def test_an_energy_is_there_or_why_it_is_not(
    words: list[str], place: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for more, known in (([], False), (["--technology", "12nm"], True)):
        command = [*words, "--device", "t4", *more]
        assert main(command) == 0
        shown = capsys.readouterr().out
        assert main([*command, "--format", "json"]) == 0
        record = json.loads(capsys.readouterr().out)
        numbers = record[place[0]] if place else record
        assert ("not given: energy_j: " in shown) != known
        assert bool(record["unavailable"].get("energy_j")) != known
        assert (numbers["energy_j"] is not None) == known
        assert (numbers["average_power_w"] is not None) == known
