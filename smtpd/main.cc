// essaim: the server and its command line.
#include "smtpd/cli/commands.h"

int main(int argc, char** argv) {
  return essaim::smtpd::cli::run_command_line(argc, argv);
}
