// essaim tls: whether the certificates of the configuration are good, before clients find out.
#include <algorithm>

#include <CLI/CLI.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/net/certificate_check.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/operate/user.h"
#include "smtpd/settings/listen_table.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::cli {
namespace {

struct Options {
  std::string ca_file;
};

// The first file is what everybody gets who names no host: it should be for ours.
net::CertificateReport report_on(const Settings& settings, const Options& options, const std::string& file,
                                 bool first) {
  auto report = net::check_certificate(file, first ? settings.hostname : "",
                                       options.ca_file.empty() ? settings.delivery.ca_file : options.ca_file,
                                       system_clock().wall_now());
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & S_IRWXO) != 0)
    report.findings.push_back({false, "everybody on this machine may read its key"});
  // We may be root, and the server is not.
  const auto user = operate::user_to_become(settings.user);
  if (user.ok() && user->has_value() && ::access(file.c_str(), R_OK) == 0 &&
      !operate::require_readable(file, **user).ok())
    report.findings.push_back({true, "user \"" + settings.user + "\" cannot read it"});
  return report;
}

int check(const Shell& shell, const Options& options) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return shell.fail({ErrorCode::kInvalid, loaded.error().message});
  bool good = true;
  Json json = Json::array();
  Table table({"LISTENER", "FILE", "FOR", "UNTIL", "FINDINGS"});
  for (const ListenSettings& listener : loaded->settings.listen) {
    bool first = true;
    for (const std::string& file : listener.certificates()) {
      const auto report = report_on(loaded->settings, options, file, std::exchange(first, false));
      std::vector<std::string> words;
      Json findings = Json::array();
      for (const net::CertificateFinding& one : report.findings) {
        good = good && !one.fatal;
        words.push_back((one.fatal ? "BAD: " : "") + one.what);
        findings.push_back({{"fatal", one.fatal}, {"what", one.what}});
      }
      const bool read = report.info.not_after != WallTime{};
      json.push_back({{"listener", listener.address},
                      {"role", to_string(listener.role)},
                      {"file", file},
                      {"names", report.info.names},
                      {"issuer", report.info.issuer},
                      {"not_after", read ? format_iso8601(report.info.not_after) : ""},
                      {"findings", findings}});
      table.add({listener.address + " " + to_string(listener.role), file, joined(report.info.names),
                 read ? show_time(report.info.not_after).substr(0, 10) : "-",
                 words.empty() ? "good" : words.front()});
      for (std::size_t i = 1; i < words.size(); ++i) table.add({"", "", "", "", words[i]});
    }
    // What needs all files together: the server starts with it.
    if (listener.certificates().empty()) continue;
    auto context = net::TlsServerContext::load({listener.certificates(), listener.client_ca});
    if (context.ok()) continue;
    good = false;
    json.push_back({{"listener", listener.address}, {"error", context.error().message}});
    table.add({listener.address, "", "", "", "BAD: " + context.error().message});
  }
  if (shell.json) {
    print_json(json);
  } else if (table.empty()) {
    print_line("no listener has a certificate");
  } else {
    print(table.text());
  }
  return good ? kOk : kFailed;
}

}  // namespace

void add_tls(Shell& shell) {
  CLI::App* noun = shell.noun("tls", "the certificates of this node");
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      shell.verb(noun, "check", "look at the certificate files of all listeners: key, chain, dates, names",
                 "  essaim tls check\n  essaim tls check --ca-file /etc/essaim/our-ca.pem",
                 [&shell, options] { return check(shell, *options); });
  verb->add_option("--ca-file", options->ca_file,
                   "authorities that should vouch for them; default: delivery.ca_file")
      ->type_name("FILE");
}

}  // namespace essaim::smtpd::cli
