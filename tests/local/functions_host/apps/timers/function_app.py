"""Timer functions that write down their runs, one JSON line in the file RECORD per run."""

import json
import os
from pathlib import Path
from typing import Any

import azure.functions as func

app = func.FunctionApp()


def record(function: str, timer: Any) -> None:
    with Path(os.environ["RECORD"]).open("a") as file:
        file.write(json.dumps([function, timer.past_due, timer.schedule_status]) + "\n")


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def every_second(timer: func.TimerRequest) -> None:
    record("every_second", timer)
    raise ValueError("the schedule goes on")


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *", run_on_startup=True)
async def at_startup(timer: func.TimerRequest) -> None:
    record("at_startup", timer)


@app.timer_trigger(arg_name="timer", schedule="%YEARLY%")
def yearly(timer: func.TimerRequest) -> None:
    record("yearly", timer)


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", use_monitor=False)
def unmonitored(timer: func.TimerRequest) -> None:
    record("unmonitored", timer)
