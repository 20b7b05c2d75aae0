// Writes what core/mail makes of each test message into a folder, for check_with_python.py:
//   write_outputs MESSAGES FOLDER
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "core/mail/downgrade.h"
#include "core/mail/mime_footer.h"
#include "core/mail/report.h"

namespace {

using namespace essaim;
using namespace essaim::mail;

constexpr const char* kText = "-- \nSe d\xc3\xa9sabonner: https://lists.example/dev\n";
constexpr const char* kHtml = "<p>Se d\xc3\xa9sabonner: https://lists.example/dev</p>";

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void footers(const std::string& text, const std::filesystem::path& base) {
  const struct {
    const char* name;
    Footer footer;
  } rows[] = {
      {"footer", {.text = kText}},
      {"footer-html", {.text = kText, .html = kHtml}},
      {"footer-mime", {.text = kText, .style = FooterStyle::kMime}},
      {"header-html", {.text = kText, .html = kHtml, .place = FooterPlace::kHeader}},
      {"header-mime", {.text = kText, .place = FooterPlace::kHeader, .style = FooterStyle::kMime}},
  };
  for (const auto& row : rows) {
    Result<HeaderBlock> header = HeaderBlock::parse(text);
    if (!header.ok()) continue;
    const FooterResult result =
        add_footer(&*header, std::string_view(text).substr(header->body_offset()), row.footer);
    if (result.changed()) write(base.string() + "." + row.name, header->joined_with(result.body));
  }
}

// Eight bits in every place where they can be.
constexpr const char* kComposite =
    "From: Jos\xc3\xa9 \"the\" X <jose@x.example>, b@x.example (b\xc3\xa9)\r\n"
    "To: \"D\xc3\xa9v, the list\" <dev@lists.example>\r\nSubject: caf\xc3\xa9 noir d\xc3\xa9"
    "caf\xc3\xa9in\xc3\xa9\r\n"
    "Message-ID: <composite@x.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\npr\xc3\xa9"
    "ambule\r\n--o\r\n"
    "Content-Type: multipart/alternative; boundary=a\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--a\r\n"
    "Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsch\xf6n = ja "
    "\r\n--a\r\n"
    "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: "
    "8bit\r\n\r\n<p>sch\xc3\xb6n\r\n--a--\r\n--o\r\n"
    "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: inn\xc3\xa9r\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\ninn\xc3\xa9r\r\n--o\r\n"
    "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: d\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=UTF-8\r\n\r\n\xe4\xbc\x9a\xe8\xad\xb0\xe4\xbc\x9a\r\n--d--\r\n--o\r\n"
    "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: 8bit\r\n"
    "Content-Disposition: attachment; filename=\"\xc3\xa9.bin\"\r\n\r\n\xff\xfe\xfd\r\n--o--\r\n";

void report(const std::string& text, const std::filesystem::path& base) {
  for (const bool utf8 : {false, true}) {
    Report report;
    report.from_address = "MAILER-DAEMON@lists.example";
    report.to_address = "author@client.example";
    report.date = from_millis(1'795'000'000'000);
    report.message_id = "<report@lists.example>";
    report.reporting_mta = "mx1.lists.example";
    report.envelope_id = "QQ314+159\r\nX-Evil: yes";
    report.original = text;
    report.content = ReturnContent::kFull;
    report.smtputf8 = utf8;
    ReportRecipient one;
    one.address = utf8 ? "jos\xc3\xa9@x.example" : "bob@x.example";
    one.status = "5.1.1";
    one.remote_mta = "mx.x.example";
    one.diagnostic = "550 5.1.1 no\r\nAction: delivered";
    report.recipients.push_back(one);
    const Result<ComposedReport> out = compose_report(report);
    if (out.ok()) write(base.string() + (utf8 ? ".report-utf8" : ".report"), out->message);
  }
}

void treat(const std::string& text, const std::filesystem::path& base) {
  write(base.string() + ".original", text);
  footers(text, base);
  const Downgraded ascii = downgraded_to_7bit(text);
  if (ascii.outcome == Downgraded::Outcome::kDone) write(base.string() + ".7bit", ascii.message);
  report(text, base);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: write_outputs MESSAGES FOLDER\n";
    return 2;
  }
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.path().extension() != ".eml") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    treat(text, std::filesystem::path(argv[2]) / entry.path().stem());
  }
  treat(kComposite, std::filesystem::path(argv[2]) / "composite");
  return 0;
}
