// The entry point shared by all test programs.
#define BOOST_TEST_MODULE essaim
#include <boost/test/unit_test.hpp>
