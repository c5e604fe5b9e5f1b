"""An embedded Azure Functions host for one Python app with Durable Functions.

    python -m local.functions_host [--app DIR] [--port 7071] [--state DIR] [--blob-poll-seconds 1] [--trace FILE]

Microsoft's own worker library, `azure-functions-runtime`, indexes and calls the *unmodified* app; the host speaks the
Durable extension's JSON protocol through it to the *real* `azure-functions-durable` 1.7. So what worker and SDK refuse,
convert and get wrong, pitfalls included, is what one sees in Azure. Everything durable lies in one SQLite file below the state folder; a host that is killed at any
moment goes on where it was. It is for one machine and one app: it needs neither Core Tools nor .NET nor a storage
account of its own.

Supported
    triggers        HTTP, timer, blob (client types of azurefunctions-extensions-bindings-blob; sources
                    LogsAndContainerScan and EventGrid), orchestration, activity
    bindings        durable client, HTTP output
    orchestrations  activities, sub-orchestrations, retries of both, timers, external events, task_all / task_any,
                    continue-as-new, custom status, versions; started, listed, terminated, suspended, resumed,
                    restarted and purged through the management API, that is also by the SDK's client
    configuration   host.json (keys without effect are named at the start; `AzureFunctionsJobHost__…` settings win),
                    local.settings.json (the environment wins), `%SETTING%` in bindings
    for people      GET /admin/host/status, GET /admin/functions, POST /admin/functions/<timer function>

Refused by name
    at load         other triggers and bindings, entities, blob content (bytes, str, InputStream), retry policies of
                    functions, HTTP streaming, route constraints and defaults, time-span schedules
    in a turn       entity calls and signals, call_http: the instance fails
    by request      entities, rewind, start-and-wait: 501

Other than in Azure
    - Unknown activities fail at once. In Azure they wait for ever.
    - Instance ids and queries that the extension's documentation forbids are refused; the extension itself takes them.
    - What a killed host had in work goes on at once. In Azure it comes back after `controlQueueVisibilityTimeout` and
      `workItemQueueVisibilityTimeout`, five minutes by default.
    - Keys and auth levels are not checked; the host listens on 127.0.0.1 alone.
    - Activities and blob functions run at least once, as in Azure; with one process and no leases, repetitions come
      from kills only.
    - A sync function that exceeds functionTimeout fails, but its thread goes on; Azure ends the process.
    - User code shares the host's process: a busy loop in an async function stops everything.
    - Log lines that a worker in Azure would lose, because they belong to no invocation, are shown, and say so; chatty SDKs
      are kept quiet. Below Python 3.13 the worker in Azure is an older one, with the same rules for apps but for log lines.

What the genuine engine was seen to do, and this host does as well, is held by tests/genuine.

Modules, from the inside out: `walk` (what an execution decides; pure) with `decisions`, `awaits`, `history`, `failures`; `sdk_call`
and `turn` (one call of an orchestrator, one turn); `commit` and `storage` (written at once); `turn_queue`,
`activity_queue`, `alarms`, `trace` and `engine` (what runs when); `instance_commands`, `instance_queries`, `management_api`,
`client_binding` (what clients see); `worker_messages`, `worker_log`, `worker` (the worker library); `functions`, `loader` (the app); `invoke` (calling it);
`triggers`; `config`, `host`, `admin_api`, `logs`, `cli`.
"""
