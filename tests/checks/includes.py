"""Checks that each file includes what it uses of the standard library, fmt, nlohmann::json and core/base, itself or by headers of
the tree.

Debug builds precompile those headers, so that a file which forgets one compiles there and fails in a release. Prints what is
missing, one line each, and exits with 1 if there is any. Run by ctest as `check_includes`.
"""

import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Header of those in cmake/EssaimTargets.cmake and cmake/instantiated.h -> what cannot be used without it.
USES = {
    "algorithm": r"std::(ranges::)?((stable_|partial_)?sort|find(_if(_not)?)?|(any|all|none)_of|count(_if)?|copy(_if|_n)?|"
                 r"remove(_if)?|replace(_if)?|transform|(lower|upper)_bound|equal(_range)?|binary_search|unique|reverse|rotate|"
                 r"shuffle|(max|min|minmax)(_element)?|clamp|fill(_n)?|(stable_)?partition|nth_element|is_sorted|mismatch|search|"
                 r"adjacent_find|set_(difference|intersection|union)|includes|for_each|(push|pop|make)_heap|merge)\(",
    "array": r"std::(array\b|to_array)",
    "atomic": r"std::(atomic|memory_order)",
    "chrono": r"std::chrono",
    "condition_variable": r"std::condition_variable",
    "cstdint": r"\bu?int(8|16|32|64)_t\b",
    "cstring": r"std::(mem(cpy|set|chr|cmp|move)|str(len|error|cmp|ncmp|chr))\b",
    "deque": r"std::deque",
    "filesystem": r"std::filesystem",
    "fmt/format.h": r"\bfmt::",
    "fstream": r"std::(if|of|f)stream",
    "functional": r"std::(function|hash|less|greater|equal_to|plus|invoke|c?ref|not_fn)\b[<({]",
    "future": r"std::(future|promise|async|packaged_task)\b",
    "iostream": r"std::(cout|cerr|cin|clog)\b",
    "map": r"std::(multi)?map<",
    "memory": r"std::((unique|shared|weak)_ptr|make_(unique|shared)|enable_shared_from_this|addressof)\b",
    "mutex": r"std::((recursive_)?mutex|lock_guard|unique_lock|scoped_lock|once_flag|call_once)\b",
    "nlohmann/json.hpp": r"\bnlohmann::",
    "optional": r"std::(optional|nullopt|make_optional)\b",
    "random": r"std::(mt19937|random_device|(uniform_(int|real)|exponential)_distribution)",
    "ranges": r"std::(views::|ranges::(view|subrange)\b)",
    "set": r"std::(multi)?set<",
    "span": r"std::span\b",
    "sstream": r"std::[io]?stringstream",
    "string": r"std::(string|to_string|u32string|getline|sto(i|l|ul))\b",
    "string_view": r"std::string_view",
    "thread": r"std::(j?thread|this_thread)\b",
    "unordered_map": r"std::unordered_(multi)?map",
    "unordered_set": r"std::unordered_(multi)?set",
    "utility": r"std::(pair|exchange|as_const|index_sequence)\b",
    "variant": r"std::(variant|get_if|holds_alternative|visit|monostate)\b",
    "vector": r"std::vector",
    "core/base/clock.h": r"\b((Duration|MonoTime|WallTime|ManualClock)\b|(system_clock|to_millis|from_millis|format_iso8601|format_rfc5322|"
                         r"parse_duration|format_duration)\()",
    "core/base/id.h": r"\b((const Id|IdGenerator)\b|(format|append|parse)_id\()",
    "core/base/json.h": r"\bjson_text\(",
    "core/base/log.h": r"\blog::(debug|info|warning|error|Capture|Once|Level)\b",
    "core/base/result.h": r"\b(Result<|ErrorCode::|ESSAIM_TRY\(|io_error\()",
    "core/base/text.h": r"(?<![\w.>:])(ascii_lowered|equals_ignoring_case|starts_with_ignoring_case|trimmed|replace_all|joined|parse_u64|"
                        r"escaped_for_display|bytes_for_display|is_valid_utf8|first_invisible)\(",
}
USES = {header: re.compile(use) for header, use in USES.items()}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
NO_CODE = re.compile(r'//[^\n]*|"(\\.|[^"\\\n])*"|^\s*#\s*include[^\n]*', re.M)


@functools.lru_cache(maxsize=None)
def includes(name):
    path = ROOT / name
    return INCLUDE.findall(path.read_text()) if path.exists() else []


def reached(name):
    """The headers that it includes, itself or by others of the tree."""
    seen, ahead, found = set(), [name], {name}
    while ahead:
        current = ahead.pop()
        if current not in seen:
            seen.add(current)
            for kind, target in includes(current):
                found.add(target)
                if kind == '"':
                    ahead.append(target)
    return found


def main():
    problems = []
    files = subprocess.run(["git", "ls-files", "*.cc", "*.h"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in files:
        text = NO_CODE.sub(lambda match: " " * len(match.group()), (ROOT / name).read_text())
        there = reached(name)
        for header, use in USES.items():
            match = use.search(text) if header not in there else None
            if match:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{name}:{line}: {match.group().rstrip('<({')} needs #include <{header}>")
    print("\n".join(problems) or f"{len(files)} files include what they use")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
