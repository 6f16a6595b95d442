"""Writes and builds a CUDA that computes nothing, to try ONNX Runtime's CUDA provider on a machine without a GPU.

    python3 bench/cuda/driver.py --provider libonnxruntime_providers_cuda.so --headers cu13/include --out FOLDER

Memory of the device is memory of the host, copies are copies, and kernels are counted, not run: all results are 0. At the end of a
process it says on stderr how many kernels were started and how many bytes were copied. See docs/cuda.md.
"""
import argparse
import pathlib
import re
import subprocess

MARKERS = """
#define __device_builtin__
#define __device_builtin_texture_type__
#define __device_builtin_surface_type__
#define __cudart_builtin__
#define __builtin_align__(a) __attribute__((aligned(a)))
#define __align__(a) __attribute__((aligned(a)))
#define CUDARTAPI
#define __host__
#define __device__
"""

RUNTIME = """
#include <driver_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long kernels, to_device, from_device, within;

__attribute__((destructor)) static void tell(void) {
  if (kernels > 0)
    fprintf(stderr, "%ld kernels, %ld KB to the device, %ld KB from it, %ld KB within it\\n",
            kernels, to_device >> 10, from_device >> 10, within >> 10);
}

int cudaGetDeviceCount(int* n) { *n = 1; return 0; }
int cudaGetDevice(int* n) { *n = 0; return 0; }
int cudaRuntimeGetVersion(int* v) { *v = 13000; return 0; }
int cudaDriverGetVersion(int* v) { *v = 13000; return 0; }
int cudaMemGetInfo(size_t* free_, size_t* all) { *free_ = *all = 16ull << 30; return 0; }
const char* cudaGetErrorName(int e) { return "none"; }
const char* cudaGetErrorString(int e) { return "none"; }

int cudaGetDeviceProperties(struct cudaDeviceProp* p, int device) {
  memset(p, 0, sizeof *p);
  strcpy(p->name, "none");
  p->major = 9;
  p->multiProcessorCount = 132;
  p->warpSize = 32;
  p->maxThreadsPerBlock = 1024;
  p->maxThreadsPerMultiProcessor = 2048;
  p->regsPerBlock = 65536;
  p->sharedMemPerBlock = 49152;
  p->sharedMemPerBlockOptin = 232448;
  p->totalGlobalMem = 16ull << 30;
  for (int i = 0; i < 3; i++) { p->maxThreadsDim[i] = 1024; p->maxGridSize[i] = 65535; }
  return 0;
}
int cudaDeviceGetAttribute(int* v, int attribute, int device) {
  *v = attribute == cudaDevAttrComputeCapabilityMajor ? 9
     : attribute == cudaDevAttrComputeCapabilityMinor ? 0
     : attribute == cudaDevAttrMultiProcessorCount ? 132 : 1024;
  return 0;
}
int cudaFuncGetAttributes(struct cudaFuncAttributes* a, const void* f) {
  memset(a, 0, sizeof *a);
  a->maxThreadsPerBlock = 1024;
  a->ptxVersion = a->binaryVersion = 90;
  return 0;
}
int cudaPointerGetAttributes(struct cudaPointerAttributes* a, const void* p) { memset(a, 0, sizeof *a); return 0; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n, const void* f, int b, size_t m, unsigned u) {
  *n = 1;
  return 0;
}

int cudaMalloc(void** p, size_t n) { *p = aligned_alloc(256, (n / 256 + 1) * 256); memset(*p, 0, n); return 0; }
int cudaMallocHost(void** p, size_t n) { return cudaMalloc(p, n); }
int cudaHostAlloc(void** p, size_t n, unsigned flags) { return cudaMalloc(p, n); }
int cudaMallocFromPoolAsync(void** p, size_t n, void* pool, void* stream) { return cudaMalloc(p, n); }
int cudaFree(void* p) { free(p); return 0; }
int cudaFreeHost(void* p) { free(p); return 0; }
int cudaFreeAsync(void* p, void* stream) { free(p); return 0; }
int cudaMemcpy(void* to, const void* from, size_t n, int kind) {
  memcpy(to, from, n);
  if (kind == cudaMemcpyHostToDevice) to_device += n;
  if (kind == cudaMemcpyDeviceToHost) from_device += n;
  if (kind == cudaMemcpyDeviceToDevice) within += n;
  return 0;
}
int cudaMemcpyAsync(void* to, const void* from, size_t n, int kind, void* stream) { return cudaMemcpy(to, from, n, kind); }
int cudaMemset(void* p, int v, size_t n) { memset(p, v, n); return 0; }
int cudaMemsetAsync(void* p, int v, size_t n, void* stream) { memset(p, v, n); return 0; }

int cudaStreamCreate(void** s) { *s = malloc(8); return 0; }
int cudaStreamCreateWithFlags(void** s, unsigned flags) { *s = malloc(8); return 0; }
int cudaStreamIsCapturing(void* s, int* status) { *status = 0; return 0; }
int cudaEventCreate(void** e) { *e = malloc(8); return 0; }
int cudaEventCreateWithFlags(void** e, unsigned flags) { *e = malloc(8); return 0; }
int cudaMemPoolCreate(void** pool, const void* how) { *pool = malloc(8); return 0; }

void** __cudaRegisterFatBinary(void* binary) { static void* handle; return &handle; }
int __cudaLaunchKernel(void) { kernels++; return 0; }
int cudaLaunchKernel(void) { kernels++; return 0; }
int cudaLaunchKernelExC(void) { kernels++; return 0; }
"""

BLAS = """
#include <stdlib.h>
int cublasCreate_v2(void** h) { *h = malloc(8); return 0; }
int cublasGetMathMode(void* h, int* mode) { *mode = 0; return 0; }
const char* cublasGetStatusName(int s) { return "none"; }
const char* cublasGetStatusString(int s) { return "none"; }
"""

BLAS_LT = "#include <stdlib.h>\nint cublasLtCreate(void** h) { *h = malloc(8); return 0; }\n"

DNN = """
#include <stdlib.h>
int cudnnCreate(void** h) { *h = malloc(8); return 0; }
int cudnnCreateTensorDescriptor(void** d) { *d = malloc(64); return 0; }
size_t cudnnGetVersion(void) { return 91000; }
const char* cudnnGetErrorString(int s) { return "none"; }
"""

DRIVER = "int cuInit(unsigned flags) { return 0; }\nint cuTensorMapEncodeTiled(void) { return 0; }\n"


def main():
    parser = argparse.ArgumentParser()
    for name in ("provider", "headers", "out"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    options = parser.parse_args()
    (options.out / "include" / "crt").mkdir(parents=True, exist_ok=True)
    (options.out / "include" / "crt" / "host_defines.h").write_text(MARKERS)
    wanted = wanted_of(options.provider)
    own = {"libcudart": RUNTIME, "libcublas": BLAS, "libcublasLt": BLAS_LT, "libcurand": ""}
    for library, functions in wanted.items():
        source = own[library.split(".")[0]]
        build(options, library, source + the_rest(source, functions), version=library)
    build(options, "libcudnn.so", DNN + the_rest(DNN, named_in(options.provider, b"cudnn")))
    build(options, "libcuda.so.1", DRIVER)


def wanted_of(provider):
    """The functions that the provider wants of each library of CUDA's, and the library's symbol version."""
    listing = subprocess.run(["nm", "-D", "--undefined-only", provider], capture_output=True, text=True, check=True).stdout
    wanted = {library: [] for library in re.findall(r"NEEDED.*\[(lib(?:cudart|cublas|cublasLt|curand)\.so\.\d+)\]", needed(provider))}
    for function, library in re.findall(r"(\w+)@(lib\w+\.so\.\d+)", listing):
        if library in wanted:
            wanted[library].append(function)
    return wanted


def needed(provider):
    return subprocess.run(["readelf", "-d", provider], capture_output=True, text=True, check=True).stdout


def named_in(provider, prefix):
    """Functions that are looked up by name while the provider runs."""
    names = re.findall(rb"(?<=\0)" + prefix + rb"[A-Z]\w+(?=\0)", provider.read_bytes())
    return sorted({name.decode() for name in names})


def the_rest(source, functions):
    """Functions that succeed and do nothing."""
    have = set(re.findall(r"(\w+)\(", source))
    return "".join(f"int {function}(void) {{ return 0; }}\n" for function in functions if function not in have)


def build(options, library, source, version=None):
    file = options.out / f"{library}.c"
    file.write_text(source)
    command = ["gcc", "-w", "-shared", "-fPIC", f"-I{options.out / 'include'}", f"-I{options.headers}"]
    command += [f"-Wl,-soname,{library}", "-o", options.out / library, file]
    if version is not None:
        symbols = options.out / f"{library}.map"
        symbols.write_text(f"{version} {{ global: *; }};\n")
        command.append(f"-Wl,--version-script={symbols}")
    subprocess.run(command, check=True)


main()
