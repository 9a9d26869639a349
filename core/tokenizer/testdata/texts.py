"""Training and test texts of the small tokenizers: mixed text, and strings at the edges of patterns."""
import random

CORPUS = [
    "Education, n. That which discloses to the wise and disguises from the foolish their lack of understanding.",
    "It's what we've said: they'll go, I'd stay, you're right, I'm not. IT'S WHAT WE'VE SAID, THEY'LL SEE.",
    "def f(x):\n    if x > 10:\n        return x * 2.5\n\treturn [i for i in range(100)]  # comment\n\n\n",
    "for (int i = 0; i < 1024; i++) {\n\t\tsum += a[i] * b[i];\r\n}\r\n",
    "Il était une fois à Noël; über Straßen, señor, naïve café. Привет, мир! Как дела? Γειά σου Κόσμε.",
    "我们在学习自然语言处理。東京は日本の首都です。안녕하세요 세계. مرحبا بالعالم، كيف حالك؟ שלום עולם नमस्ते दुनिया ๑๒๓ ไทย",
    "Emoji 😀😂🎉👩‍👩‍👧‍👦🇫🇷 ❤️ and symbols ™ © ½ ² Ⅷ ∑ → “quoted” ‘single’ — dash… $3.14 100% #tag @user http://a.b/c?d=e&f=g",
    "Numbers 1 22 333 4444 55555 666666 1,234,567.89 2024-05-17 12:34:56 0x1F 1e-5",
    "the of and to in that is was he for it with as his on be at by had not are but from or have an they which one you were " * 3,
]

CASES = CORPUS[1:8] + [
    "", " ", "  ", "\n", "\r\n", "\t", "a", " a", "  a", "a ", "a  ", "a\n\nb", "a \n b", " \n \n  x", "\n\n\n", "   \n", "x   \n\n   y  ",
    "'s 't 'S 'T 'Ll 're'VE 'M d'd 'x ''s '\u017f s'\u017f o'\u017fo", "don't DON'T they'Re 'lL l'", "a1b22c333d4444", "12345678901234567890", "3.14159,2.71828",
    "½²Ⅷ٣๓ 一二三 x²", "\u00a0nbsp\u00a0\u2003em\u3000ideo\u200bzero\u0085nel\u2028ls\ufeffbom\u180emvs\x1cfs\x1dgs", "\x00\x01\x7f\x80\xff\xad",
    "e\u0301 e\u0301\u0323 \u1e69 s\u0323\u0307 \uac00 \u1100\u1161\u11a8 \u212b \ufb01 \u2126 \u0344 \u0958 \u0915\u093c",
    "a" + "\u0301" * 40 + "b", "q" + "\u0323\u0307" * 25 + "\u0301",
    "  leading and trailing  ", "tab\tsep\t\tdouble", "semi;colon, (paren) [brack] {brace} <tag/> a.b.c ...!!!???", "_snake_case__ CamelCase kebab-case",
    "<|endoftext|>", "a<|endoftext|>b", "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|", "<|endoftext|><|endoftext|>", "x  <left>  y", "x  <right>  y",
    "word wordy word. sword word", "caf\u00e9 cafe\u0301", "STRASSE stra\u00dfe", " <left> <left>  <right>  ", "<|im_start|>\u00a0<left>",
    "👩‍👩‍👧‍👦👍🏽🏳️‍🌈", "한국어 텍스트", "汉字漢字かなカナ", "العربية نص", "हिन्दी", "Zażółć gęślą jaźń", "\U0001d518\U0001d52b\U0001d526", "\U000e0041\U0010ffff",
    "x" * 70, " " * 90 + "y", "\n" * 20 + " " * 20 + "\n" + " " * 9 + "z", "ab" * 50, "the" * 40, "!?" * 30, "\r\r\n\n\r \r\n ",
]


def noise(n, seed):
    """Returns random strings of characters at the edges of patterns."""
    rng = random.Random(seed)
    alphabet = ["a", "B", "é", "漢", "1", "٣", " ", " ", "\n", "\r", "\t", "'", "s", "LL", "!", "-", "😀", "\u00a0", "\u0301", "\u017f", "\ufffd"]
    return ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 24))) for _ in range(n)]
