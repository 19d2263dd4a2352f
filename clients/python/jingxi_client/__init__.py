"""Client of the Jingxi policy decision point: ask what may be shown, and mask messages in the calling process.

with Client("localhost:7443") as client:
    masked = client.mask(message, application="core-counter", name="customer-detail", subject=Subject("T1001"))
"""

from jingxi_client.alarms import Alarm, AlarmCallback, AlarmKind
from jingxi_client.client import Client
from jingxi_client.decisions import (
    Action,
    Decision,
    Diagnostic,
    Fallback,
    Mask,
    Masked,
    Obligation,
    PartDecision,
    Reason,
    Resource,
    Subject,
    Text,
    Verdict,
)
from jingxi_client.errors import (
    AccessDeniedError,
    AttributeValueError,
    BundleError,
    ClientClosedError,
    ConfigurationError,
    DecisionUnavailableError,
    JingxiError,
    KeyUnavailableError,
    MaskUnavailableError,
    MessageMismatchError,
    PathError,
    ProtocolError,
    RequestRejectedError,
    RevisionTooOldError,
    UnknownMessageError,
    Violation,
)
from jingxi_client.keys import KeyProvider, keys_from_env, keys_from_folder, no_keys
from jingxi_client.metrics import Metrics

__all__ = [
    "AccessDeniedError",
    "Action",
    "Alarm",
    "AlarmCallback",
    "AlarmKind",
    "AttributeValueError",
    "BundleError",
    "Client",
    "ClientClosedError",
    "ConfigurationError",
    "Decision",
    "DecisionUnavailableError",
    "Diagnostic",
    "Fallback",
    "JingxiError",
    "KeyProvider",
    "KeyUnavailableError",
    "Mask",
    "MaskUnavailableError",
    "Masked",
    "MessageMismatchError",
    "Metrics",
    "Obligation",
    "PartDecision",
    "PathError",
    "ProtocolError",
    "Reason",
    "RequestRejectedError",
    "Resource",
    "RevisionTooOldError",
    "Subject",
    "Text",
    "UnknownMessageError",
    "Verdict",
    "Violation",
    "keys_from_env",
    "keys_from_folder",
    "no_keys",
]
