"""Who holds a port or a device, in words. Pure."""

from agent.message import Message
from agent.wire.holder import Holder


def in_words(held: Holder) -> Message:
    """Return what a process is called: as `str`, for who reads another language."""
    if held.pid is not None:
        name = held.name or Message("of another user")
        return Message("process {pid} ({name})", pid=held.pid, name=name)
    if held.user:
        return Message("a process of user {user} (which one, root can see)", user=held.user)
    return Message("another user's process (which one, root can see)")
