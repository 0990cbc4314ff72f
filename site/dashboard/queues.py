"""SQS's standard queues as far as a day at the relay needs them: delays, visibility, receives, and the metrics that SQS writes."""

import itertools
from dataclasses import dataclass, field

# SQS leaves a message that was received so often out of the age of the oldest, where there is a redrive policy.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
LEFT_OUT_AFTER = 3


@dataclass
class Message:
    body: str
    sent: float
    visible: float
    attributes: dict = field(default_factory=dict)
    id: str = ""
    receives: int = 0


class Queue:
    numbers = itertools.count(1)

    def __init__(self, name, visibility_s, has_redrive_policy):
        self.name, self.visibility_s, self.has_redrive_policy = name, visibility_s, has_redrive_policy
        self.messages = []

    def send(self, now, body, attributes=None, delay_s=0):
        number = next(self.numbers)
        self.messages.append(Message(body, now, now + delay_s, attributes or {}, f"00000000-0000-4000-8000-{number:012}"))

    def receive(self, now, most):
        batch = [message for message in self.messages if message.visible <= now][:most]
        for message in batch:
            message.receives += 1
            message.visible = now + self.visibility_s
        return batch

    def delete(self, messages):
        self.messages = [message for message in self.messages if message not in messages]

    def next_visible(self):
        return min((message.visible for message in self.messages), default=float("inf"))

    def metrics(self, now):
        """Names and values, as SQS writes them each minute."""
        hidden = [message for message in self.messages if message.visible > now]
        flying = sum(1 for message in hidden if message.receives)
        yield "ApproximateNumberOfMessagesVisible", len(self.messages) - len(hidden)
        yield "ApproximateNumberOfMessagesNotVisible", flying
        yield "ApproximateNumberOfMessagesDelayed", len(hidden) - flying
        counted = [m for m in self.messages if not self.has_redrive_policy or m.receives < LEFT_OUT_AFTER]
        yield "ApproximateAgeOfOldestMessage", max((now - message.sent for message in counted), default=0)
