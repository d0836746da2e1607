"""Right or wrong: compare a short reply with the right answer of a question in `questions/checkable.toml`.

The right answer is `answer`, or computed: `compute` is the name of an operation and its arguments. `form`
says how a reply is compared:

- `number`: by value, in digits or words. Numbers of the task may be repeated (unless the answer is one of
  them), and so may the day of a date; after an equals sign only the last result counts. Two different
  results are wrong, and so is another number after "the answer is".
- `word`: `answer` or one of `accept` must occur as a whole word, and none of `rivals` or of the other
  members of `among`, unless the task names them and the answer comes last. "Not X" and "X or Y" are wrong.
- `symbol`: the last word of the reply, in this case of letters.
- `string`: letter by letter; the last word that the task does not contain, or the only one.
- `list`: the same members in the same order, whatever stands between them.
"""

from __future__ import annotations

import calendar
import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

Question = dict[str, Any]

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TO_TWELVE = ["ten", "eleven", "twelve"]
TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBER_WORDS = {word: value for value, word in enumerate([*DIGITS, *TO_TWELVE, *TEENS])}
NUMBER_WORDS |= {word: 10 * tens for tens, word in enumerate(TENS, start=2)}
NUMBER_WORDS |= {
    f"{ten}-{DIGITS[unit]}": NUMBER_WORDS[ten] + unit for ten in TENS for unit in range(1, 10)
} | {"hundred": 100, "thousand": 1000}

AMONG = {
    "weekdays": list(calendar.day_name),
    "months": list(calendar.month_name)[1:],
    "yes_no": ["yes", "no"],
    "planets": ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"],
}
DAY_OF_MONTH = re.compile(rf"\b(?:{'|'.join(AMONG['months']).casefold()}) \d{{1,2}}(?:st|nd|rd|th)?\b")


def _roman(number: int) -> str:
    """Roman numeral of a positive number below 4000."""
    signs = zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), _ROMAN, strict=True)
    text = ""
    for value, sign in signs:
        text += sign * (number // value)
        number %= value
    return text


_ROMAN = ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"]


def _is_prime(number: int) -> str:
    """Yes or no."""
    return "yes" if number > 1 and all(number % d for d in range(2, math.isqrt(number) + 1)) else "no"


def _day_after(day: str, days: int) -> str:
    """Name of the day of the week `days` days after `day`."""
    return calendar.day_name[(AMONG["weekdays"].index(day) + days) % 7]


OPERATIONS: dict[str, Callable[..., object]] = {
    "sum": lambda *terms: sum(terms),
    "difference": lambda a, b: a - b,
    "product": lambda a, b: Fraction(a) * Fraction(b),
    "quotient": Fraction,
    "remainder": lambda a, b: a % b,
    "percent": lambda a, b: Fraction(a * b, 100),
    "power": lambda a, b: a**b,
    "root": math.isqrt,
    "factorial": math.factorial,
    "gcd": math.gcd,
    "fahrenheit": lambda celsius: Fraction(celsius * 9, 5) + 32,
    "letters": lambda letter, word: word.count(letter),
    "length": len,
    "vowels": lambda word: sum(word.count(vowel) for vowel in "aeiou"),
    "words": lambda sentence: len(sentence.split()),
    "evens": lambda *numbers: sum(number % 2 == 0 for number in numbers),
    "day_after": _day_after,
    "month": lambda number: calendar.month_name[number],
    "month_days": lambda year, month: calendar.monthrange(year, month)[1],
    "sorted": lambda *members: ", ".join(map(str, sorted(members))),
    "sorted_down": lambda *members: ", ".join(map(str, sorted(members, reverse=True))),
    "largest": lambda *numbers: max(numbers, key=Fraction),
    "second_smallest": lambda *numbers: sorted(numbers)[1],
    "reverse": lambda word: word[::-1],
    "letter": lambda place, word: word[place - 1],
    "is_prime": _is_prime,
    "from_binary": lambda digits: int(digits, 2),
    "roman": _roman,
}


def reference_of(question: Question) -> str:
    """The right answer as text, computed where the question says how."""
    if "compute" in question:
        operation, *arguments = question["compute"]
        return str(OPERATIONS[operation](*arguments))
    return str(question["answer"])


def is_correct(reply: str, question: Question) -> bool:
    """Whether `reply` gives the right answer to `question`, and no other."""
    return CHECKS[question["form"]](reply, question)


def plain(text: str) -> str:
    """`text` in lower case, without accents, with single spaces and straight quotes."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    bare = bare.translate(str.maketrans("’‘“”−–", "''\"\"--"))
    return re.sub(r"\s+", " ", bare).strip().casefold()


def numbers(text: str) -> list[Fraction]:
    """The numbers in `text`, in digits or words, in order; "1,234" is one, "1, 234" are two."""
    text = plain(text).replace("\\times", " ")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    tens = "|".join(TENS)
    text = re.sub(rf"\b({tens}) (?=({'|'.join(DIGITS[1:])})\b)", r"\1-", text)
    words = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
    pattern = rf"(?<![\w.])-?\d+(?:\.\d+)?|(?<=\d)\.\d+|\b(?:{words})\b"
    return [
        Fraction(NUMBER_WORDS[found]) if found in NUMBER_WORDS else Fraction(found)
        for found in re.findall(pattern, text)
    ]


def _check_number(reply: str, question: Question) -> bool:
    """Compare by value."""
    right = Fraction(reference_of(question))
    task, text = numbers(question["task"]), DAY_OF_MONTH.sub(" ", plain(reply))
    named = re.search(r"\banswer(?: to [^.:]*?)? is:? (\S+)", text)
    if named and any(number != right for number in numbers(named[1])):
        return False
    repeatable = set() if right in task else set(task)
    found = [number for number in numbers(re.split(r"[=≈]", text)[-1]) if number not in repeatable]
    return bool(found) and all(number == right for number in found)


def _occurs(word: str, text: str) -> list[int]:
    """Where `word` ends in `text` as a whole word."""
    return [m.end() for m in re.finditer(rf"(?<!\w){re.escape(plain(word))}(?!\w)", text)]


def _check_word(reply: str, question: Question) -> bool:
    """Look for the right word and for its rivals."""
    text, task = plain(reply), plain(question["task"])
    accepted = [reference_of(question), *question.get("accept", [])]
    right = [end for word in accepted for end in _occurs(word, text)]
    known = {plain(word) for word in accepted}
    rivals = [*question.get("rivals", []), *AMONG.get(question.get("among", ""), [])]
    others = [(word, end) for word in rivals if plain(word) not in known for end in _occurs(word, text)]
    if not right or any(end > max(right) or not _occurs(word, task) for word, end in others):
        return False
    names = "|".join(re.escape(plain(word)) for word in accepted)
    return not re.search(rf"\b(not|isn't|or) ({names})(?!\w)|(?<!\w)({names}) or (?!not)", text)


def _check_symbol(reply: str, question: Question) -> bool:
    """Compare the token that stands for the symbol, in the right case of letters."""
    tokens = re.findall(r"[A-Za-z]+", reply)
    return bool(tokens) and tokens[-1] == reference_of(question)


def _check_string(reply: str, question: Question) -> bool:
    """Compare letter by letter."""
    right, text = plain(reference_of(question)), plain(reply)
    if re.sub(r"[^a-z]", "", text) == right:
        return True
    task = set(re.findall(r"[a-z]+", plain(question["task"])))
    new = [word for word in re.findall(r"[a-z]+", text) if word not in task - {right}]
    return bool(new) and new[-1] == right


def _check_list(reply: str, question: Question) -> bool:
    """Compare the members of the list in order."""
    right = reference_of(question).split(", ")
    members = re.findall(r"\w+", plain(reply))
    return _only(members, right) == right


def _only(members: Iterable[str], wanted: list[str]) -> list[str]:
    """The `members` that belong to the list, or all of them if one is a number that does not."""
    members = list(members)
    if any(member.isdigit() and member not in wanted for member in members):
        return members
    return [member for member in members if member in wanted]


CHECKS: dict[str, Callable[[str, Question], bool]] = {
    "number": _check_number,
    "word": _check_word,
    "symbol": _check_symbol,
    "string": _check_string,
    "list": _check_list,
}
