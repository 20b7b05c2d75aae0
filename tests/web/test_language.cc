#include <boost/test/unit_test.hpp>

#include "web/language.h"

BOOST_AUTO_TEST_CASE(the_language_that_is_wanted_most_of_those_there_are) {
  using essaim::web::language_for;
  struct Row {
    const char* wanted;
    const char* language;
  };
  for (const Row& row : {Row{"", "en"}, Row{"fr", "fr"}, Row{"fr-CA, fr;q=0.9, en;q=0.8", "fr"},
                         Row{"en;q=0.2, FR;q=0.9", "fr"}, Row{"tlh, x-none;q=0.9", "en"},
                         Row{"de-AT, de;q=0.9, en;q=0.8", "de"}, Row{"tlh, fr;q=0.1", "fr"},
                         Row{"en, fr", "en"}, Row{"fr;q=0, en;q=0.1", "en"}, Row{"fr;q=0", "en"},
                         Row{"fr;q=2", "en"}, Row{"fr;q=nonsense, en", "en"}, Row{"*", "en"},
                         Row{"fr;q=0.1234, en;q=0.5", "en"}, Row{";;;,,,=", "en"}})
    BOOST_TEST(language_for(row.wanted) == row.language, row.wanted);
}
