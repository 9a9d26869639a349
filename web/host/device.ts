// Finding a GPU and asking it for all that it offers.

import { describe, Fault } from "../fault.js";

/** What gpu_info gives the guest; sizes are in bytes. */
export interface DeviceInfo {
  name: string;
  backend: string;
  cpu: boolean;
  max_buffer_size: number;
  max_binding_size: number;
  max_storage_buffers: number;
  max_invocations: number;
  max_workgroup_size_x: number;
  max_workgroup_memory: number;
  max_groups_per_dimension: number;
  storage_offset_alignment: number;
  shader_f16: boolean;
  subgroups: boolean;
  subgroup_min_size: number;
  timestamp_query: boolean;
}

// The limits above WebGPU's defaults that kernels make use of.
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

// requestAdapter can hang for good when the GPU process is in trouble.
const patience = 15_000;

const remedy =
  "use a current Chrome, Edge, Firefox or Safari with hardware acceleration switched on; chrome://gpu says why WebGPU is off";

/**
 * Opens the best adapter's device. With `baseline` it asks for WebGPU's default limits and no features, as the weakest
 * device offers them.
 */
export async function openDevice(baseline: boolean): Promise<{ device: GPUDevice; info: DeviceInfo }> {
  const gpu = (navigator as { gpu?: GPU }).gpu;
  if (gpu === undefined) throw noAdapter("this browser has no WebGPU here");
  const adapter = await inTime(gpu.requestAdapter({ powerPreference: "high-performance" }), "asking for a GPU");
  if (adapter === null) throw noAdapter("no GPU that WebGPU may use");
  const device = await requestDevice(adapter, baseline);
  return { device, info: infoOf(adapter, device) };
}

async function requestDevice(adapter: GPUAdapter, baseline: boolean): Promise<GPUDevice> {
  const label = "nextquill";
  if (!baseline) {
    const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
    const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
    try {
      return await inTime(adapter.requestDevice({ label, requiredLimits, requiredFeatures }), "opening the GPU");
    } catch (thrown) {
      // A driver may not keep what its adapter promises. An adapter that failed
      // to give a device may be asked again.
      if (thrown instanceof Fault) throw thrown;
    }
  }
  try {
    return await inTime(adapter.requestDevice({ label }), "opening the GPU");
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : noAdapter("the GPU gives no device", thrown);
  }
}

/** What a GPU is called of which the browser tells nothing. */
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
  };
}

function noAdapter(detail: string, cause?: unknown): Fault {
  return new Fault("no-adapter", { where: "WebGPU", detail, remedy, cause: cause === undefined ? undefined : new Error(describe(cause)) });
}

async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(noAdapter(`${what} gave no answer in ${patience / 1000} s`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
