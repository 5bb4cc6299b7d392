// The CPU backend.
#ifndef NNGPU_BACKEND_CPU_BACKEND_H_
#define NNGPU_BACKEND_CPU_BACKEND_H_

#include "backend/backend.h"

namespace nngpu::cpu {

Backend& backend();
DeviceInfo describe();  // device_info.cpp

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_BACKEND_H_
