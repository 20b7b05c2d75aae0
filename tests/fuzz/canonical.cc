// The streaming canonicalisation of bodies against one that has the whole body, in pieces of all sizes; and that of
// fields against one that goes step by step.
#include "core/mailauth/canonical.h"

#include "core/mail/header_block.h"
#include "tests/core/mailauth/naive_canonical.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using mailauth::Canonicalization;

ESSAIM_FUZZ_MESSAGES(canonical) {
  const unsigned seed = fuzz::take_choice(&data);
  if (data.size() > 20'000) return;
  const auto header = mail::HeaderBlock::parse(data);
  for (const auto how : {Canonicalization::kSimple, Canonicalization::kRelaxed}) {
    const std::string expected = mailauth::naive_canonical_body(data, how);
    for (const fuzz::Pieces& pieces :
         {fuzz::whole(data), fuzz::by_octet(data), fuzz::at_random(data, seed)}) {
      mailauth::BodyCanonicalizer canonicalizer(how);
      std::string out;
      const auto sink = [&out](std::string_view octets) { out.append(octets); };
      for (const std::string_view piece : pieces) canonicalizer.update(piece, sink);
      canonicalizer.finish(sink);
      ESSAIM_CHECK(out == expected);
    }
    if (!header.ok()) continue;
    for (const mail::HeaderField& field : header->fields()) {
      std::string out;
      mailauth::append_canonical_field(field.raw(), how, &out);
      ESSAIM_CHECK(out == mailauth::naive_canonical_field(field.raw(), how));
    }
  }
}
