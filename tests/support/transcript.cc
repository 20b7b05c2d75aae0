#include "tests/support/transcript.h"

#include <stdexcept>

#include "core/base/text.h"

namespace essaim::test {
namespace {

std::string wire_of(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    switch (text[++i]) {
      case 'r':
        out.push_back('\r');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 't':
        out.push_back('\t');
        break;
      case '0':
        out.push_back('\0');
        break;
      case 'x':
        out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
        i += 2;
        break;
      case 'c':
        return out;
      default:
        out.push_back(text[i]);
    }
  }
  return out + "\r\n";
}

}  // namespace

std::vector<Step> parse_transcript(std::string_view text) {
  std::vector<Step> steps;
  int number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::string_view rest =
        line.substr(std::min<std::size_t>(line.size(), line.front() == '*' ? 2 : 3));
    if (line.starts_with("C:")) {
      steps.push_back({Step::Kind::kClient, wire_of(rest), number});
    } else if (line.starts_with("S:")) {
      steps.push_back({Step::Kind::kServer, std::string(rest), number});
    } else if (line.starts_with("* ")) {
      steps.push_back({Step::Kind::kEvent, std::string(trimmed(rest)), number});
    } else {
      throw std::invalid_argument("transcript line " + std::to_string(number) + ": " + std::string(line));
    }
  }
  return steps;
}

std::vector<std::string> take_lines(std::string* bytes) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = bytes->find("\r\n"); end != std::string::npos; end = bytes->find("\r\n", begin)) {
    lines.push_back(bytes->substr(begin, end - begin));
    begin = end + 2;
  }
  bytes->erase(0, begin);
  return lines;
}

}  // namespace essaim::test
