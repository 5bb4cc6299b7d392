// Checks the type and the text of an error.
#ifndef NNGPU_TESTS_OPS_EXPECT_ERROR_H_
#define NNGPU_TESTS_OPS_EXPECT_ERROR_H_

#include <gtest/gtest.h>

#include <string>
#include <typeinfo>

#include "nngpu/error.h"

namespace nngpu::test {

// `call` throws exactly E (no class derived from it), and the message is `text`.
template <class E, class Call>
void expect_error(Call call, const std::string& text) {
  try {
    call();
    ADD_FAILURE() << "nothing thrown; expected: " << text;
  } catch (const Error& error) {
    EXPECT_TRUE(typeid(error) == typeid(E)) << "wrong type of: " << error.what();
    EXPECT_EQ(error.what(), text);
  }
}

}  // namespace nngpu::test

// The expression throws E with that message.
#define EXPECT_ERROR(E, expression, text) \
  ::nngpu::test::expect_error<E>([&] { static_cast<void>(expression); }, text)

#endif  // NNGPU_TESTS_OPS_EXPECT_ERROR_H_
