// The nouns of the command line; each function adds one with its verbs. See the .cc of the same name.
#pragma once

#include "smtpd/cli/shell.h"

namespace essaim::smtpd::cli {

void add_serve(Shell& shell);
void add_account(Shell& shell);
void add_bounce(Shell& shell);
void add_config(Shell& shell);
void add_digest(Shell& shell);
void add_dkim(Shell& shell);
void add_domain(Shell& shell);
void add_list(Shell& shell);
void add_member(Shell& shell);
void add_member_search(Shell& shell, CLI::App* member);  // member_search.cc
void add_member_log(Shell& shell, CLI::App* member);     // member_log.cc
void add_person(Shell& shell);
void add_post(Shell& shell);
void add_held(Shell& shell);
void add_leave_key(Shell& shell);
void add_listmaster(Shell& shell);
void add_request(Shell& shell);
void add_scenario(Shell& shell);
void add_template(Shell& shell);
void add_block(Shell& shell);  // template_commands.cc
void add_queue(Shell& shell);
void add_queue_why(Shell& shell, CLI::App* queue);     // why_commands.cc
void add_post_explain(Shell& shell, CLI::App* post);   // why_commands.cc
void add_post_retry(Shell& shell, CLI::App* post);     // post_retry_command.cc
void add_post_failures(Shell& shell, CLI::App* post);  // failure_commands.cc
void add_post_text(Shell& shell, CLI::App* post);      // post_text_command.cc
void add_top(Shell& shell);
void add_doctor(Shell& shell);
void add_filter(Shell& shell);
void add_destination(Shell& shell);
void add_storage(Shell& shell);
void add_tls(Shell& shell);
void add_job(Shell& shell);
void add_node(Shell& shell);
void add_server_commands(Shell& shell);  // trace, reload, drain, log
void add_completion(Shell& shell);
void add_man(Shell& shell);  // hidden: essaim(1) from this tree

// All of them.
void add_commands(Shell& shell);

// What fits in place of the last of these words, which may be empty: the words of a command line behind the program's name,
// up to the cursor (`essaim completion words WORD...`). A line for each, in no order; ":files": names of files. Blocks for a
// few seconds at most; a database that is not there or cannot be read has no words, and nothing is made or said.
std::string fitting_words(Shell& shell, const std::vector<std::string>& words);

// The whole command line: parses, runs, gives the exit code.
int run_command_line(int argc, char** argv);

}  // namespace essaim::smtpd::cli
