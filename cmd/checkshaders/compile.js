// Compiles shaders in the browser. Skips those whose extensions the device does not have.
async (shaders) => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice({ requiredFeatures: [...adapter.features] });
  const features = { f16: "shader-f16", subgroups: "subgroups" };
  const result = { compiled: 0, errors: [] };
  for (const { name, wgsl, extensions } of shaders) {
    if (!extensions.every((extension) => device.features.has(features[extension]))) continue;
    const { messages } = await device.createShaderModule({ code: wgsl }).getCompilationInfo();
    for (const { type, lineNum, message } of messages) {
      if (type === "error") result.errors.push(`${name}:${lineNum}: ${message}`);
    }
    result.compiled++;
  }
  return result;
};
