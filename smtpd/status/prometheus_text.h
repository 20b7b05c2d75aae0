// Writes metrics in the text format of Prometheus, version 0.0.4. Families one after the other, the samples of each
// behind it. Names and label names are ours and right; values of labels and help are escaped.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/timings.h"

namespace essaim::smtpd {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

class PrometheusText {
 public:
  enum class Type { kCounter, kGauge, kHistogram };
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  void family(std::string_view name, Type type, std::string_view help);
  void sample(double value, const Labels& labels = {});
  void histogram(const Histogram::Counts& counts, const Labels& labels = {});  // in seconds
  std::string take() { return std::move(out_); }

 private:
  void line(std::string_view suffix, const Labels& labels, std::string_view bound, double value);

  std::string out_, name_;
};

}  // namespace essaim::smtpd
