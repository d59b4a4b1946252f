"""The grammar of a description: one pass over its tokens, one move after another."""

from collections.abc import Sequence

from memorylab.core import aliases
from memorylab.core.moves import Draft, Move, distinct
from memorylab.core.naming import moves_of
from memorylab.core.tokens import Token

MAX_MOVES = 12  # a whole configuration in one row; comparing is quadratic in this

_PREPOSITIONS = frozenset(["from", "to", "at", "by", "with", "and", "plus", "x", "on", "for"])


class Reader:
    """One pass over the tokens of a segment, one draft after another."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.drafts: list[Draft] = []
        self.draft = Draft()
        self.separated = True  # the draft follows a comma or the like, and not just a finished move
        self.linked = False  # "on", "for" or "to" came before a group: "WD 0.01 on the embeddings"
        self.replacing = False  # "replace A with B"
        self.ended = any(not self.accept(at, token) for at, token in enumerate(tokens))  # before the last token
        self.flush()

    def result(self) -> tuple[list[Move], bool]:
        """The moves, and whether they name a knob or a value at all."""
        solid = any(draft.solid and draft.titled for draft in self.drafts)
        known = any(draft.quantities for draft in self.drafts)  # else the first names a mechanism, and others its parts
        drafts = [
            draft
            for at, draft in enumerate(self.drafts)
            if (draft.told(at == 0) or not (known or at) if solid else draft.meant(at == 0))
        ]
        return distinct([move for draft in drafts for move in moves_of(draft)][:MAX_MOVES]), solid

    @property
    def started(self) -> bool:
        return self.draft.solid or bool(self.drafts)

    @property
    def at_beginning(self) -> bool:
        """Of a clause, where a verb stands: "quarter the batch"."""
        return self.separated and not self.draft.titled and self.draft.new is None

    def flush(self, verb: str | None = None, separated: bool = True) -> None:
        """Go on to the next move; without a verb of its own it has this one."""
        if self.given():
            pass
        elif self.draft.solid or (self.draft.named and (self.separated or not self.drafts)):
            self.drafts.append(self.draft)
        self.draft, self.separated = Draft(verb), separated

    def given(self) -> bool:
        """The value after a comma of what has none yet: "a weaker z-loss, 1e-5". A result is no value."""
        draft, last = self.draft, self.drafts[-1] if self.drafts else None
        bare = (aliases.UNITS | aliases.PARAMETERS).issuperset(draft.words)
        if draft.quantities:  # "smoothed targets, eps 0.1"
            bare = bare and draft.quantities == ["eps"] and last is not None and not last.quantities
        wanted = last is not None and last.titled and last.new is None and last.factor is None and last.delta is None
        if last is None or not wanted or not bare or draft.result or draft.counted or not isinstance(draft.new, float):
            return False
        last.old, last.new = draft.old, draft.new
        return True

    def accept(self, at: int, token: Token) -> bool:
        """Take one token. False where the intervention ends, and reasons, circumstances or results begin."""
        if token.kind in ("value", "times"):
            return self.value(at, token)
        if token.kind == "arrow":
            return self.arrow(at)
        if token.text in aliases.JOINING and self.one_thing(at):
            return True
        if token.kind == "mark":
            return self.mark(token.text)
        return self.share(at, token.text) if token.text in aliases.SHARES and at else self.word(at, token)

    def value(self, at: int, token: Token) -> bool:
        if self.draft.new is not None and self.draft.complete and self.draft.role != "old":
            self.flush(self.draft.verb, separated=False)
        if self.of(at, aliases.PEAKS) and set(self.draft.quantities) <= {"lr"}:
            self.draft.quantities = ["finallr"]  # "let it end at 10% of the peak"
        elif token.kind == "value" and self.of(at, aliases.WHOLES):
            token = Token("times", token.text, token.value)
        if self.draft.quantities and token.text.endswith("%") and self.before(at) in ("up", "down"):
            self.draft.role = "by"  # "LR up 50%"
        if self.before(at) == "of" and self.draft.verb in aliases.REMOVING:
            self.draft.role = "old"  # "remove the softcap of 15"
        self.draft.take(token)
        self.draft.counted = self.after(at) == "step"
        return True

    def arrow(self, at: int) -> bool:
        if self.draft.old is not None and self.draft.new is not None:
            return False  # "5 -> 3 => faster"
        if self.draft.complete and [t.text for t in self.tokens[at + 2 : at + 3]] == ["="]:
            return False  # "AR=57 -> width=512"
        if self.after(at) in aliases.NOTHING:
            self.draft.verb, self.draft.explicit = "remove", True
            return False
        self.draft.arrow(all(self.is_value(after) for after in self.tokens[at + 1 : at + 2]))
        return True

    def one_thing(self, at: int) -> bool:
        """What is joined here are parts of one mechanism: "attention and MLP side by side", "wte and lm_head tied"."""
        joined = {self.before(at), self.after(at)}
        tied = not aliases.TYING.isdisjoint(token.text for token in self.tokens)
        return joined <= aliases.PARTS or joined == aliases.TABLES and tied

    def mark(self, sign: str) -> bool:
        if sign == "=":
            self.draft.role = "new"
            return True
        trailing = sign == "," and self.draft.complete
        listed = sign in "+&"
        self.draft.joined = self.draft.joined or listed or not self.drafts
        self.flush(self.draft.verb)
        self.draft.joined, self.draft.trailing = listed, trailing
        return True

    def word(self, at: int, token: Token) -> bool:
        if token.text == "while" and self.after(at) in aliases.VERBS:
            self.flush()  # "depth 9 while lowering the batch to 8"
        elif token.text in _PREPOSITIONS:
            return self.preposition(at, token.text)
        elif token.text in aliases.COMPARING and not self.started:
            return False  # "much worse than Lion"
        elif token.text == "so" and self.draft.trailing:
            self.draft = Draft()  # "SwiGLU, device batch 32 so it fits"
            return False
        elif token.prose and (token.text in aliases.CONTEXT or token.text in aliases.RESULTS):
            return not (self.started or self.draft.words)
        elif token.text in aliases.BECOMING and self.draft.complete and self.after(at) == "to":
            pass  # "matrix_lr 0.04 change to 0.05"
        elif token.prose and token.text in aliases.PARTICIPLES:
            return self.participle(at, aliases.PARTICIPLES[token.text])
        elif token.prose and (token.text in aliases.VERBS or token.text == "scale" and not at):
            self.verb(token.text)
        else:
            self.noun(at, token.text)
        return True

    def share(self, at: int, word: str) -> bool:
        """ "by half", "the final quarter", "three quarters of the original"."""
        draft, part = self.draft, aliases.SHARES[word]
        if self.before(at) in aliases.ORDINALS and not draft.quantities:
            self.noun(at, word)  # "skips from the first half to the second"
            return True
        if self.after(at) in aliases.SHAPES | aliases.TRIES:
            return True  # "a half-cosine", "a third look"
        if self.at_beginning:
            return self.word(at, self.tokens[at])  # "half the batch"
        if self.tokens[at - 1].kind == "value" and isinstance(draft.new, float):
            part, draft.new = part * draft.new, None
        direction = aliases.VERBS.get(self.after(at), (0, None))[0]
        halved = word == "half" and draft.quantities and self.after(at) != "of"
        if direction and draft.titled:
            draft.factor = 1 + direction * part  # "a quarter lower"
        elif self.of(at, aliases.WHOLES) or self.before(at) in ("by", "in") or halved:
            draft.factor = part
        else:
            draft.take(Token("value", word, part))
        return True

    def of(self, at: int, words: frozenset[str]) -> bool:
        """A share of one of these: "1/4 of the original"."""
        after = [t.text for t in self.tokens[at + 1 : at + 5]]
        return after[:1] == ["of"] and not words.isdisjoint(after[1:])

    def is_value(self, token: Token) -> bool:
        return token.kind in ("value", "times") or token.text in aliases.CHOICES

    def after(self, at: int) -> str:
        return self.tokens[at + 1].text if at + 1 < len(self.tokens) else ""

    def before(self, at: int) -> str:
        return self.tokens[at - 1].text if at else ""

    def preposition(self, at: int, word: str) -> bool:
        after = next((t for t in self.tokens[at + 1 : at + 6] if t.text not in aliases.TRANSPARENT), None)
        value = after is not None and (self.is_value(after) or after.text in aliases.SHARES)
        group = after is not None and after.kind == "word" and after.text in aliases.GROUPS
        draft = self.draft
        begun = draft.complete or self.drafts
        if word == "at" and (self.elsewhere(at) or draft.complete or begun and not value):
            return False
        if word in ("on", "for", "with") and (begun or draft.titled and not self.replacing) and self.of_base(at):
            return False
        if word == "with" and draft.quantities and not draft.complete and after and after.text in aliases.SHAPES:
            return True  # "decay the LR with a cosine shape"
        named = draft.words and not draft.quantities and draft.new is None
        if word == "with" and named and after and after.text in aliases.PARAMETERS:
            return True  # "EMA of the weights with decay 0.999"
        if word == "from":
            draft.role = "old"
        elif word == "to" and value or word in ("with", "for", "by") and self.replacing:
            draft.arrow(value)
            self.replacing = False
        elif word == "at" and value:
            draft.role = "new"
        elif word == "by" and (value or self.tokens[at + 1 : at + 2] and self.tokens[at + 1].text == "half"):
            draft.role, draft.times = "by", any(t.text == "factor" for t in self.tokens[at + 1 : at + 4])
        elif word in ("and", "plus", "x", "by", "with"):
            draft.joined = draft.joined or word in ("with", "plus") and not self.drafts
            self.flush(None if word == "with" else draft.verb)
            self.draft.joined = word == "plus"
            self.draft.added = word == "and"
        else:  # to, at, on, for
            self.linked = group
            if word == "to" and self.after(at) and after is not None and after.text in aliases.SHAPES:
                draft.arrow(False)  # "change the linear warmdown to a cosine"
                return True
            if word == "to" and self.draft.titled and self.after(at) in aliases.PURPOSES | aliases.VERBS.keys():
                return False
            if word == "to" and draft.new is None and (draft.old is not None or draft.role == "old"):
                draft.arrow(value)  # "from cosine to linear"
                return True
            return group or not self.started
        return True

    def elsewhere(self, at: int) -> bool:
        """ "remove VE at 2**16 batch", "VE in every layer at beta2=0.99": where it was tried."""
        draft, after = self.draft, [token.text for token in self.tokens[at + 1 : at + 4]]
        gone = draft.explicit and draft.verb in aliases.REMOVING
        return draft.titled and (gone or not draft.quantities and not aliases.QUANTITIES.isdisjoint(after))

    def of_base(self, at: int) -> bool:
        """What comes says what it was tried on: "on the Muon base", "with the tighter clip"."""
        stop = next((i for i in range(at + 1, len(self.tokens)) if self.tokens[i].kind == "mark"), len(self.tokens))
        after = [token.text for token in self.tokens[at + 1 : min(stop, at + 7)]]
        if self.tokens[at].text == "with":  # a part of the idea has a value, and a knob that has one stands alone
            value = any(
                t.kind in ("value", "times") and self.after(i) != "step"
                for i, t in enumerate(self.tokens[:stop])
                if i > at
            )
            return not value and (after[:1] == ["the"] or self.draft.complete and bool(self.draft.quantities))
        return not aliases.BASES.isdisjoint(after)

    def verb(self, word: str) -> None:
        particle = word in ("up", "down") and self.draft.explicit  # "bump the LR up to"
        if not particle and (self.draft.complete or (self.draft.explicit and self.draft.quantities)):
            self.flush()
        self.draft.led = self.draft.led or not self.draft.titled
        vague = aliases.VERBS.get(self.draft.verb or "", (0, None))[0] == 0  # "try a deeper model"
        if not self.draft.explicit or vague:
            self.draft.verb, self.draft.explicit = word, True
        self.replacing = word in aliases.SWAPPING

    def participle(self, at: int, verb: str) -> bool:
        """A verb at the beginning ("Removed QK norm") or the end ("QK norm removed"); else what came of it."""
        after = next((t for t in self.tokens[at + 1 : at + 3] if t.text not in aliases.AGAIN), None)
        if not self.draft.quantities and not self.draft.words and self.draft.new is None:
            self.verb(verb)
        elif after is not None and after.kind == "word" and after.text not in _PREPOSITIONS | aliases.RESULTS:
            return False
        else:
            self.draft.verb, self.draft.explicit, self.replacing = verb, True, verb in aliases.SWAPPING
        return True

    def noun(self, at: int, word: str) -> None:
        draft = self.draft
        counted = draft.leading and draft.new is not None and not (draft.quantities or draft.words)
        if word in aliases.CHOICES:
            if aliases.CHOICES[word] not in draft.quantities:
                draft.quantities.append(aliases.CHOICES[word])
            draft.take(Token("value", word, word), old=self.replacing and draft.old is None and draft.role != "new")
        elif word in aliases.COUNTED and counted:
            draft.quantities.append(aliases.COUNTED[word])
            direction = 1 if draft.signed else aliases.VERBS.get(draft.verb or "", (0, None))[0]
            if direction and (draft.relative or draft.signed) and not draft.goal and isinstance(draft.new, float):
                draft.delta, draft.new = draft.new * direction, None  # "add two layers", "2 more layers", "-1 layer"
        elif word not in aliases.STOPWORDS and not draft.implies(word):
            if draft.complete and word[0] != "#" and not (self.linked or counted or draft.leading):
                self.flush(draft.verb, separated=False)
            (self.draft.quantities if word in aliases.QUANTITIES else self.draft.words).append(word)
