// A Vulkan layer for tests: it makes Chromium's WebGPU accept Mesa's llvmpipe, a software device.
//
// llvmpipe computes in binary16, which Chromium's own software device SwiftShader does not. But
// Chromium requires features of every device that compute shaders do not use, and it prefers
// SwiftShader to any other software device. The layer reports the missing features for llvmpipe, and
// removes them from the request when the device is created:
//   - dynamic indexing of images, which Dawn requires of all devices,
//   - Y'CbCr conversion, which Chromium requires before it starts Vulkan,
//   - semaphores as file descriptors, without which Chromium hides the device from pages,
//   - a device type of discrete GPU.
// Compute shaders use none of these. The layer does not change what the driver reports about compute.
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>
#include <vulkan/vk_layer.h>

#define SEMAPHORES VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME

// Chromium's GPU process creates several instances with the same loader and driver, so these
// pointers are the same for all of them.
static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static PFN_vkCreateDevice create_device;
static PFN_vkEnumerateDeviceExtensionProperties extensions;
static PFN_vkGetPhysicalDeviceFeatures features;
static PFN_vkGetPhysicalDeviceFeatures2 features2;
static PFN_vkGetPhysicalDeviceProperties properties;
static PFN_vkGetPhysicalDeviceProperties2 properties2;

// set_core and set_chain set the features that the layer reports, in a query or in a request.
static void set_core(VkPhysicalDeviceFeatures *f, VkBool32 on) {
    f->shaderSampledImageArrayDynamicIndexing = on;
    f->shaderStorageImageArrayDynamicIndexing = on;
}

static void set_chain(VkBaseOutStructure *s, VkBool32 on) {
    for (; s; s = s->pNext) {
        switch (s->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2:
            set_core(&((VkPhysicalDeviceFeatures2 *)s)->features, on);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES:
            ((VkPhysicalDeviceVulkan11Features *)s)->samplerYcbcrConversion = on;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SAMPLER_YCBCR_CONVERSION_FEATURES:
            ((VkPhysicalDeviceSamplerYcbcrConversionFeatures *)s)->samplerYcbcrConversion = on;
            break;
        default:
            break;
        }
    }
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice d, VkPhysicalDeviceFeatures *out) {
    features(d, out);
    set_core(out, VK_TRUE);
}

static VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice d, VkPhysicalDeviceFeatures2 *out) {
    features2(d, out);
    set_chain((VkBaseOutStructure *)out, VK_TRUE);
}

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice d, VkPhysicalDeviceProperties *out) {
    properties(d, out);
    out->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
}

static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice d, VkPhysicalDeviceProperties2 *out) {
    properties2(d, out);
    out->properties.deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
}

static VKAPI_ATTR VkResult VKAPI_CALL get_extensions(VkPhysicalDevice d, const char *layer, uint32_t *count, VkExtensionProperties *out) {
    uint32_t room = *count;
    VkResult r = extensions(d, layer, count, out);
    if (layer || r != VK_SUCCESS) return r;
    if (out) {
        if (*count == room) return VK_INCOMPLETE;
        VkExtensionProperties more = {.extensionName = SEMAPHORES, .specVersion = 1};
        out[*count] = more;
    }
    ++*count;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL get_semaphores(VkPhysicalDevice d, const VkPhysicalDeviceExternalSemaphoreInfo *info, VkExternalSemaphoreProperties *out) {
    (void)d;
    out->exportFromImportedHandleTypes = out->compatibleHandleTypes = info->handleType;
    out->externalSemaphoreFeatures = VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT | VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
}

// Using a semaphore as a file descriptor fails: llvmpipe does not support it.
static VKAPI_ATTR VkResult VKAPI_CALL get_semaphore(VkDevice d, const VkSemaphoreGetFdInfoKHR *info, int *fd) {
    (void)d, (void)info, (void)fd;
    return VK_ERROR_FEATURE_NOT_PRESENT;
}

static VKAPI_ATTR VkResult VKAPI_CALL import_semaphore(VkDevice d, const VkImportSemaphoreFdInfoKHR *info) {
    (void)d, (void)info;
    return VK_ERROR_FEATURE_NOT_PRESENT;
}

static VKAPI_ATTR VkResult VKAPI_CALL new_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *a, VkInstance *out) {
    VkLayerInstanceCreateInfo *chain = (VkLayerInstanceCreateInfo *)info->pNext;
    while (chain && !(chain->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO && chain->function == VK_LAYER_LINK_INFO))
        chain = (VkLayerInstanceCreateInfo *)chain->pNext;
    if (!chain) return VK_ERROR_INITIALIZATION_FAILED;
    next_instance = chain->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    chain->u.pLayerInfo = chain->u.pLayerInfo->pNext;
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)next_instance(NULL, "vkCreateInstance");
    VkResult r = create ? create(info, a, out) : VK_ERROR_INITIALIZATION_FAILED;
    if (r != VK_SUCCESS) return r;
#define NEXT(name, type) name = (PFN_##type)next_instance(*out, #type)
    NEXT(create_device, vkCreateDevice);
    NEXT(extensions, vkEnumerateDeviceExtensionProperties);
    NEXT(features, vkGetPhysicalDeviceFeatures);
    NEXT(features2, vkGetPhysicalDeviceFeatures2);
    NEXT(properties, vkGetPhysicalDeviceProperties);
    NEXT(properties2, vkGetPhysicalDeviceProperties2);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL new_device(VkPhysicalDevice d, const VkDeviceCreateInfo *info, const VkAllocationCallbacks *a, VkDevice *out) {
    VkLayerDeviceCreateInfo *chain = (VkLayerDeviceCreateInfo *)info->pNext;
    while (chain && !(chain->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO && chain->function == VK_LAYER_LINK_INFO))
        chain = (VkLayerDeviceCreateInfo *)chain->pNext;
    if (!chain) return VK_ERROR_INITIALIZATION_FAILED;
    next_device = chain->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    chain->u.pLayerInfo = chain->u.pLayerInfo->pNext;

    VkDeviceCreateInfo made = *info;
    VkPhysicalDeviceFeatures core;
    if (info->pEnabledFeatures) {
        core = *info->pEnabledFeatures;
        set_core(&core, VK_FALSE);
        made.pEnabledFeatures = &core;
    }
    set_chain((VkBaseOutStructure *)info->pNext, VK_FALSE);
    const char **names = calloc(info->enabledExtensionCount + 1, sizeof *names);
    if (!names) return VK_ERROR_OUT_OF_HOST_MEMORY;
    made.enabledExtensionCount = 0;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++)
        if (strcmp(info->ppEnabledExtensionNames[i], SEMAPHORES)) names[made.enabledExtensionCount++] = info->ppEnabledExtensionNames[i];
    made.ppEnabledExtensionNames = names;
    VkResult r = create_device(d, &made, a, out);
    free(names);
    return r;
}

struct entry {
    const char *name;
    void *call;
};

static void *find(const struct entry *entries, const char *name) {
    for (; entries->name; entries++)
        if (!strcmp(entries->name, name)) return entries->call;
    return NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_device(VkDevice d, const char *name) {
    const struct entry entries[] = {
        {"vkGetDeviceProcAddr", of_device},
        {"vkGetSemaphoreFdKHR", get_semaphore},
        {"vkImportSemaphoreFdKHR", import_semaphore},
        {NULL, NULL},
    };
    void *call = find(entries, name);
    return call ? (PFN_vkVoidFunction)call : next_device(d, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_instance(VkInstance instance, const char *name) {
    const struct entry entries[] = {
        {"vkGetInstanceProcAddr", of_instance},
        {"vkGetDeviceProcAddr", of_device},
        {"vkCreateInstance", new_instance},
        {"vkCreateDevice", new_device},
        {"vkEnumerateDeviceExtensionProperties", get_extensions},
        {"vkGetPhysicalDeviceFeatures", get_features},
        {"vkGetPhysicalDeviceFeatures2", get_features2},
        {"vkGetPhysicalDeviceFeatures2KHR", get_features2},
        {"vkGetPhysicalDeviceProperties", get_properties},
        {"vkGetPhysicalDeviceProperties2", get_properties2},
        {"vkGetPhysicalDeviceProperties2KHR", get_properties2},
        {"vkGetPhysicalDeviceExternalSemaphoreProperties", get_semaphores},
        {"vkGetPhysicalDeviceExternalSemaphorePropertiesKHR", get_semaphores},
        {NULL, NULL},
    };
    void *call = find(entries, name);
    return call ? (PFN_vkVoidFunction)call : next_instance(instance, name);
}

// The entry point through which the loader negotiates with a layer.
__attribute__((visibility("default"))) VkResult vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *v) {
    if (v->loaderLayerInterfaceVersion < 2) return VK_ERROR_INITIALIZATION_FAILED;
    v->loaderLayerInterfaceVersion = 2;
    v->pfnGetInstanceProcAddr = of_instance;
    v->pfnGetDeviceProcAddr = of_device;
    v->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
