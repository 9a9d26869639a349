"""The prompt format of the training documents. core/history renders the same segments."""

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
BOS_ID, EOS_ID, PAD_ID = 0, 1, 2
PREFIX = "History:\n"
EMPTY = "None\n\n"


def fields(context):
    return "".join(f"{name}: {value}\n" for name, value in context.items())


def history(items):
    """Earlier items, oldest first; each is {"context": {name: value}, "text": …}."""
    return "".join(f"{fields(i['context'])}text: {i['text']}\n\n" for i in items) or EMPTY


def suffix(context):
    return f"Now:\n{fields(context)}text:"


def response(text):
    return " " + text
