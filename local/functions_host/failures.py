"""How the extension words failures: behind the message comes a .NET exception, as JSON, which nobody has asked for.

Whoever reads the text of a failed task gets all of it; with each level of sub-orchestrations it doubles.
"""

import json

_LINE = "   at System.Threading.Tasks.Task`1.GetResultCore(Boolean waitCompletionNotification)"


def activity_details(message: str, trace: str) -> str:
    """Give the details of an activity's failure; `message` is that of the app's exception, `trace` its lines."""
    return json.dumps(
        {
            "$type": "System.Exception, System.Private.CoreLib",
            "ClassName": "System.Exception",
            "Message": message,
            "Data": None,
            "InnerException": {
                "$type": "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script",
                "Message": f"Result: Failure\nException: {message.strip()}\nStack: {trace}",
                "Data": {"$type": "System.Collections.ListDictionaryInternal, System.Private.CoreLib"},
                "InnerException": None,
                "HResult": -2146233088,
            },
            "HelpURL": None,
            "StackTraceString": None,
            "HResult": -2146233088,
            "Source": None,
        },
        separators=(",", ":"),
    )


def child_details(reason: str) -> str:
    """Give the details of a sub-orchestration's failure, as its parent gets them beside the reason."""
    _, _, message = reason.partition(" failed: ")
    return f"Message: {message}, StackTrace: {_LINE}"
