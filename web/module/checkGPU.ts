// Checking for a GPU before anything is downloaded.

import { Fault } from "../fault.js";
import { openDevice, unnamed } from "../host/device.js";

/** The result of checkGPU. */
export interface GPUCheck {
  ok: boolean;
  /** The name of the GPU, or "" if the browser does not tell it. */
  name: string;
  /** Whether shaders run on the CPU. That works, but slowly. */
  cpu: boolean;
  /** Why there is no GPU, and what to do; absent if ok. */
  fault?: Fault;
}

/** Checks for a usable GPU, before anything is downloaded. Never throws. */
export async function checkGPU(): Promise<GPUCheck> {
  try {
    const { device, info } = await openDevice(false);
    device.destroy();
    return { ok: true, name: info.name === unnamed ? "" : info.name, cpu: info.cpu };
  } catch (thrown) {
    return { ok: false, name: "", cpu: false, fault: Fault.from(thrown, "no-adapter") };
  }
}
