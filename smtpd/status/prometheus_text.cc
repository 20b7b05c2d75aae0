#include "smtpd/status/prometheus_text.h"

#include <array>
#include <charconv>

namespace essaim::smtpd {
namespace {

const char* name_of(PrometheusText::Type type) {
  switch (type) {
    case PrometheusText::Type::kCounter:
      return "counter";
    case PrometheusText::Type::kGauge:
      return "gauge";
    case PrometheusText::Type::kHistogram:
      break;
  }
  return "histogram";
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

void PrometheusText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  out_ += "# HELP " + name_ + " " + escaped(help, false) + "\n# TYPE " + name_ + " " + name_of(type) + "\n";
}

void PrometheusText::line(std::string_view suffix, const Labels& labels, std::string_view bound,
                          double value) {
  out_ += name_;
  out_ += suffix;
  std::string inside;
  const auto add = [&inside](std::string_view name, std::string_view text) {
    if (!inside.empty()) inside.push_back(',');
    inside.append(name).append("=\"").append(escaped(text, true)).push_back('"');
  };
  for (const auto& [name, text] : labels) add(name, text);
  if (!bound.empty()) add("le", bound);
  if (!inside.empty()) out_ += "{" + inside + "}";
  out_ += " " + number(value) + "\n";
}

void PrometheusText::sample(double value, const Labels& labels) {
  line("", labels, "", value);
}

void PrometheusText::histogram(const Histogram::Counts& counts, const Labels& labels) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
    below += counts.classes[i];
    line("_bucket", labels, number(seconds(Histogram::kBounds[i])), static_cast<double>(below));
  }
  below += counts.classes.back();
  line("_bucket", labels, "+Inf", static_cast<double>(below));
  line("_sum", labels, "", seconds(counts.sum));
  line("_count", labels, "", static_cast<double>(below));
}

}  // namespace essaim::smtpd
