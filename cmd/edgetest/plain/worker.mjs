// Serves the same assets without Go, for the comparison of latency.
export default {
  fetch: (request, env) => env.ASSETS.fetch(request),
};
