// The streaming canonicalisation of bodies against one that has the whole body, in pieces of all sizes.
#include "core/mailauth/canonical.h"

#include "tests/core/mailauth/naive_canonical.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using mailauth::Canonicalization;

ESSAIM_FUZZ_TARGET(canonical) {
  const unsigned seed = fuzz::take_choice(&data);
  if (data.size() > 20'000) return;
  for (const auto how : {Canonicalization::kSimple, Canonicalization::kRelaxed}) {
    const std::string expected = mailauth::naive_canonical_body(data, how);
    for (const fuzz::Pieces& pieces :
         {fuzz::whole(data), fuzz::by_octet(data), fuzz::at_random(data, seed)}) {
      mailauth::BodyCanonicalizer canonicalizer(how);
      std::string out;
      for (const std::string_view piece : pieces) canonicalizer.update(piece, &out);
      canonicalizer.finish(&out);
      ESSAIM_CHECK(out == expected);
    }
  }
}
