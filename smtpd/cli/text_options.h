// What the commands on texts of the site share: --list, --domain, and files.
#pragma once

#include <memory>
#include <string>

#include "lists/site_texts.h"
#include "smtpd/cli/shell.h"

namespace essaim::smtpd::cli {

struct TextOptions {
  lists::TextPlace place;
  std::string name, file;
};
// Options --list and --domain; without either it is about the site.
void add_place(CLI::App* verb, TextOptions& options);
std::string place_name(const TextOptions& options);  // "dev@lists.example.org", "the site"

// "-" is standard input. kIo names the file.
Result<std::string> read_text_file(const std::string& path);

// Of a scenario that is in order: what in it, or of it, does not do what it may seem to; "; ..." for each, or "".
std::string remarks_on_scenario(const std::string& name, const std::string& text);

// The text with `name` from a file; said when done. Likewise for taking it away, which fails if there is none.
int set_text(const Shell& shell, storage::TextKind kind, const TextOptions& options);
int delete_text(const Shell& shell, storage::TextKind kind, const TextOptions& options);
int show_text(const Shell& shell, storage::TextKind kind, const TextOptions& options);

}  // namespace essaim::smtpd::cli
