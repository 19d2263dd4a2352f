"""Security events for a SIEM (requirement B25): what is recorded goes out as syslog and as lines of JSON.

| stage | what it does |
|---|---|
| `feed` | reads the records that came into the store since, by marks that last |
| `events` | makes of a record the event that others see: no value of a field, no secret |
| `syslog`, `lines` | how an event is written: RFC 5424, or a JSON object |
| `collector`, `file` | where it goes: a connection after RFC 5425, or a file that is rotated |
| `forwarder` | the thread that leads one from the other, and begins again where it was not sure |
"""
