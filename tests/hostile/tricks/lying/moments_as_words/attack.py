# returns moments, numbers and names that the wire's format knows, the protocol not; words failed; frames, values
import datetime
import decimal
import enum
import uuid

from known import *


def words():
    return [datetime.datetime.now(datetime.UTC), uuid.UUID(int=1), enum.Enum("E", "a").a]


def secret(x):
    return decimal.Decimal("1.5")
