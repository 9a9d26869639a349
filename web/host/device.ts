// Finding a GPU and opening a device with all limits and features that it offers.

import type { DeviceInfo } from "../api.gen.js";
import { describe, Fault } from "../fault.js";

// The limits that kernels use above the defaults of WebGPU.
const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
] as const;

const wantedFeatures: GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];

// requestAdapter can hang forever when the GPU process has failed.
const timeout = 15_000; // ms

const remedy =
  "use a current Chrome, Edge, Firefox or Safari with hardware acceleration switched on; " +
  "chrome://gpu says why WebGPU is off";

/**
 * Opens a device on the fastest adapter. With `baseline` it requests the default limits of WebGPU
 * and no features, like the weakest conformant device. Throws a Fault of kind "no-adapter".
 */
export async function openDevice(baseline: boolean): Promise<{ device: GPUDevice; info: DeviceInfo }> {
  const gpu = (navigator as { gpu?: GPU }).gpu;
  if (gpu === undefined) throw noAdapter("this browser offers no WebGPU on this page");
  const adapter = await withTimeout(gpu.requestAdapter({ powerPreference: "high-performance" }), "requesting a GPU");
  if (adapter === null) throw noAdapter("WebGPU finds no usable GPU");
  const device = await requestDevice(adapter, baseline);
  return { device, info: infoOf(adapter, device) };
}

async function requestDevice(adapter: GPUAdapter, baseline: boolean): Promise<GPUDevice> {
  const label = "nextquill";
  if (!baseline) {
    const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
    const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
    try {
      return await withTimeout(adapter.requestDevice({ label, requiredLimits, requiredFeatures }), "opening the GPU");
    } catch (thrown) {
      // Some drivers refuse limits that their adapter reports. Try the defaults on the same
      // adapter.
      if (thrown instanceof Fault) throw thrown;
    }
  }
  try {
    return await withTimeout(adapter.requestDevice({ label }), "opening the GPU");
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : noAdapter("the GPU provides no device", thrown);
  }
}

/** The name of a GPU if the browser does not tell it. */
export const unnamed = "unnamed GPU";

function infoOf(adapter: GPUAdapter, device: GPUDevice): DeviceInfo {
  const { info } = adapter;
  const { limits, features } = device;
  const name = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(" ") || unnamed;
  const known = [name, info.vendor, info.architecture].join(" ");
  return {
    name,
    backend: "WebGPU",
    cpu: info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|\bwarp\b/i.test(known),
    max_buffer_size: limits.maxBufferSize,
    max_binding_size: limits.maxStorageBufferBindingSize,
    max_storage_buffers: limits.maxStorageBuffersPerShaderStage,
    max_invocations: limits.maxComputeInvocationsPerWorkgroup,
    max_workgroup_size_x: limits.maxComputeWorkgroupSizeX,
    max_workgroup_memory: limits.maxComputeWorkgroupStorageSize,
    max_groups_per_dimension: limits.maxComputeWorkgroupsPerDimension,
    storage_offset_alignment: limits.minStorageBufferOffsetAlignment,
    shader_f16: features.has("shader-f16"),
    subgroups: features.has("subgroups"),
    subgroup_min_size: features.has("subgroups") ? info.subgroupMinSize : 0,
    timestamp_query: features.has("timestamp-query"),
    compiles_in_background: true, // createComputePipelineAsync
  };
}

function noAdapter(detail: string, cause?: unknown): Fault {
  return new Fault("no-adapter", {
    where: "WebGPU",
    detail,
    remedy,
    cause: cause === undefined ? undefined : new Error(describe(cause)),
  });
}

async function withTimeout<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(noAdapter(`${what} timed out after ${timeout / 1000} s`)), timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
