"""A text that knows which of its characters a habit changed."""
import os
import re


class Marked:
    """owner[i] names the habit that produced character i, or is None. end names the habit that removed
    the end of the text, such as the final stop."""

    def __init__(self, text):
        self.text, self.owner, self.end = text, [None] * len(text), None

    def replace(self, start, stop, new, habit):
        """Replaces text[start:stop]. The characters that differ belong to the habit; after a deletion,
        that is the next character."""
        old = self.text[start:stop]
        if new == old:
            return
        same = len(os.path.commonprefix([old, new]))
        tail = len(os.path.commonprefix([old[same:][::-1], new[same:][::-1]]))
        a, b = start + same, stop - tail
        piece = new[same : len(new) - tail]
        self.text = self.text[:a] + piece + self.text[b:]
        self.owner[a:b] = [habit] * len(piece)
        if not piece:
            if a < len(self.text):
                self.owner[a] = habit
            else:
                self.end = habit

    def sub(self, pattern, new, habit):
        """Replaces every match of the pattern by new(match)."""
        for m in reversed(list(re.finditer(pattern, self.text))):
            self.replace(m.start(), m.end(), new(m), habit)

    def spans(self):
        """Returns [[start, end, habit], …] in characters, without overlap."""
        out = []
        for i, habit in enumerate(self.owner):
            if habit is None:
                continue
            if out and out[-1][1] == i and out[-1][2] == habit:
                out[-1][1] = i + 1
            else:
                out.append([i, i + 1, habit])
        return out

    def faithful(self, source):
        """Reports whether the characters that no habit owns are, in order, characters of the source."""
        rest = iter(source)
        return all(c in rest for c, o in zip(self.text, self.owner) if o is None)
