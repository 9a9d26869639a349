package weights

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// ignoredFields do not change what an adapter computes once its tensors are loaded.
var ignoredFields = []string{"task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "lora_dropout",
	"megatron_core", "qalora_group_size", "eva_config"}

// ParseAdapterConfig reads an adapter_config.json; name appears in error messages. The result has
// no Pairs.
func ParseAdapterConfig(name string, data []byte) (*Adapter, error) {
	f, err := readFields(name, data)
	if err != nil {
		return nil, err
	}
	f.requireOneOf("peft_type", "", "LORA")
	a := &Adapter{
		Rank:      f.int("r", 8, 1, maxRankR),
		Alpha:     f.float("lora_alpha", 8, -maxAlpha, maxAlpha),
		RSLoRA:    f.bool("use_rslora", false),
		BaseModel: f.string("base_model_name_or_path", ""),
		Pairs:     map[string]Pair{},
	}
	f.requireOneOf("bias", "none", "none")
	f.readTargets(a)
	f.readLayers(a)
	a.RankPattern = f.overrides("rank_pattern", func(r *jsonx.Reader) (float64, error) {
		n, err := r.Int()
		if err == nil && (n < 1 || n > maxRankR) {
			err = fmt.Errorf("%d is not a rank from 1 to %d", n, maxRankR)
		}
		return float64(n), err
	})
	a.AlphaPattern = f.overrides("alpha_pattern", func(r *jsonx.Reader) (float64, error) {
		v, err := r.Float()
		if err == nil && !(math.Abs(v) <= maxAlpha) {
			err = fmt.Errorf("%v is not an alpha with a magnitude up to %.0e", v, maxAlpha)
		}
		return v, err
	})
	f.checkInit()
	known := append([]string{"peft_type", "r", "lora_alpha", "use_rslora", "base_model_name_or_path", "bias",
		"target_modules", "rank_pattern", "alpha_pattern", "init_lora_weights", "layers_to_transform",
		"layers_pattern", "exclude_modules"}, ignoredFields...)
	for _, key := range slices.Sorted(maps.Keys(f.raw)) {
		// Each PEFT release adds fields. A field that is switched on may change the arithmetic, so
		// unknown ones are rejected too.
		if !slices.Contains(known, key) && !f.isOff(key) {
			remedy := "train the adapter with plain LoRA, without this option"
			if slices.Contains([]string{"modules_to_save", "trainable_token_indices", "target_parameters"}, key) {
				remedy = mergeWithPEFT
			}
			f.fail(fault.Unsupported, key, "is %s", f.quoted(key)).WithRemedy("%s", remedy)
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	return a, nil
}

const maxAlpha = 1e6

// mergeWithPEFT is what to do with an adapter that changes more than linear layers of the blocks.
const mergeWithPEFT = "merge it into its base and use the result as the model: " +
	"PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(folder)"

func (f *fields) readTargets(a *Adapter) {
	a.TargetPattern, a.Targets = f.modules("target_modules")
	if f.err == nil && a.TargetPattern == "" && len(a.Targets) == 0 {
		f.fail(fault.Missing, "target_modules", "names no modules").
			WithRemedy(`name the adapted modules, such as ["q_proj", "v_proj"]`)
	}
	a.ExcludeRegexp, a.Exclude = f.modules("exclude_modules")
}

// modules reads a module pattern or a list of modules.
func (f *fields) modules(key string) (pattern string, list []string) {
	if strings.HasPrefix(string(f.raw[key]), `"`) {
		return f.string(key, ""), nil
	}
	list = f.strings(key)
	slices.Sort(list) // PEFT stores a set, so the order has no meaning
	return "", list
}

// readLayers reads layers_to_transform (a number or a list) and layers_pattern (a name or a list).
func (f *fields) readLayers(a *Adapter) {
	if !f.isOff("layers_to_transform") {
		a.Layers = f.intOrList("layers_to_transform", maxLayers)
	}
	if strings.HasPrefix(string(f.raw["layers_pattern"]), `"`) {
		if name := f.string("layers_pattern", ""); name != "" {
			a.LayersPattern = []string{name}
		}
	} else if !f.isOff("layers_pattern") {
		a.LayersPattern = f.strings("layers_pattern")
	}
}

// checkInit rejects initialisations that also change the base weights (PiSSA, OLoRA, CorDA, LoftQ
// …). The saved pair then updates a base that differs from the one the user has.
func (f *fields) checkInit() {
	if f.err != nil || f.null("init_lora_weights") {
		return
	}
	switch v := string(f.raw["init_lora_weights"]); v {
	case "true", "false", `"gaussian"`, `"orthogonal"`, `"eva"`:
	default:
		f.fail(fault.Unsupported, "init_lora_weights", "is %s, which changes the base model",
			f.quoted("init_lora_weights")).
			WithRemedy("convert it to plain LoRA: PEFT's save_pretrained(path_initial_model_for_weight_conversion=…)")
	}
}

// configJSON returns the adapter's adapter_config.json, with the fields of PEFT's LoraConfig.
func (a *Adapter) configJSON() []byte {
	var base any
	if a.BaseModel != "" {
		base = a.BaseModel
	}
	config := map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "inference_mode": true,
		"r": a.Rank, "lora_alpha": a.Alpha, "lora_dropout": 0.0, "bias": "none", "use_rslora": a.RSLoRA,
		"use_dora":        false,
		"target_modules":  modulesJSON(a.TargetPattern, a.Targets),
		"exclude_modules": modulesJSON(a.ExcludeRegexp, a.Exclude),
		"modules_to_save": nil, "fan_in_fan_out": false, "init_lora_weights": true,
		"layers_to_transform": a.Layers, "layers_pattern": a.LayersPattern,
		"rank_pattern":  json.RawMessage(overrideJSON(a.RankPattern)),
		"alpha_pattern": json.RawMessage(overrideJSON(a.AlphaPattern)),
	}
	b, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic(err) // only a NaN or infinite Alpha could cause it, and the readers reject those
	}
	return append(b, '\n')
}

func modulesJSON(pattern string, list []string) any {
	if pattern != "" {
		return pattern
	}
	return list
}
