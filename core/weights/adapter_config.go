package weights

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// ignorable are the fields of an adapter config that do not change what the adapter computes once its tensors are loaded.
var ignorable = []string{"task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "lora_dropout",
	"megatron_core", "qalora_group_size", "layers_to_transform", "layers_pattern", "exclude_modules", "eva_config"}

// ParseAdapterConfig reads an adapter_config.json; name is used in messages. The result has no Pairs yet.
func ParseAdapterConfig(name string, data []byte) (*Adapter, error) {
	f, err := readFields(name, data)
	if err != nil {
		return nil, err
	}
	f.only("peft_type", "", "LORA")
	a := &Adapter{
		Rank:      f.int("r", 8, 1, maxRankR),
		Alpha:     f.float("lora_alpha", 8, -1e6, 1e6),
		RSLoRA:    f.bool("use_rslora", false),
		BaseModel: f.string("base_model_name_or_path", ""),
		Pairs:     map[string]Pair{},
	}
	f.only("bias", "none", "none")
	f.readTargets(a)
	f.onlyTrivial("rank_pattern", float64(a.Rank))
	f.onlyTrivial("alpha_pattern", a.Alpha)
	f.checkInit()
	known := append([]string{"peft_type", "r", "lora_alpha", "use_rslora", "base_model_name_or_path", "bias", "target_modules",
		"rank_pattern", "alpha_pattern", "init_lora_weights"}, ignorable...)
	for _, key := range slices.Sorted(maps.Keys(f.raw)) {
		// PEFT grows fields with each release. One that is switched on may change the arithmetic, so it is refused even if unknown.
		if !slices.Contains(known, key) && !f.off(key) {
			f.fail(fault.Unsupported, key, "is %s", f.shown(key)).
				WithRemedy("train the adapter with plain LoRA, without this option")
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	return a, nil
}

func (f *fields) readTargets(a *Adapter) {
	if f.err != nil {
		return
	}
	if strings.HasPrefix(string(f.raw["target_modules"]), `"`) {
		a.TargetPattern = f.string("target_modules", "")
	} else {
		a.Targets = f.strings("target_modules")
		slices.Sort(a.Targets) // PEFT keeps a set: its order means nothing
	}
	if f.err == nil && a.TargetPattern == "" && len(a.Targets) == 0 {
		f.fail(fault.Missing, "target_modules", "names no module").WithRemedy(`name the adapted modules, such as ["q_proj", "v_proj"]`)
	}
}

// onlyTrivial accepts a per-module pattern that repeats the adapter-wide value.
func (f *fields) onlyTrivial(key string, value float64) {
	if f.err != nil || f.off(key) {
		return
	}
	r := jsonx.NewReader(f.raw[key])
	trivial := true
	err := r.Object(func(string) error {
		v, err := r.Float()
		trivial = trivial && v == value
		return err
	})
	if err != nil || !trivial {
		f.fail(fault.Unsupported, key, "is %s", f.shown(key)).WithRemedy("train every module with the same rank and alpha")
	}
}

// checkInit refuses initialisations that also change the base weights (PiSSA, OLoRA, CorDA, LoftQ …): the saved pair is then
// an update of another base than the one the user has.
func (f *fields) checkInit() {
	if f.err != nil || f.null("init_lora_weights") {
		return
	}
	switch v := string(f.raw["init_lora_weights"]); v {
	case "true", "false", `"gaussian"`, `"orthogonal"`, `"eva"`:
	default:
		f.fail(fault.Unsupported, "init_lora_weights", "is %s, which changes the base model", f.shown("init_lora_weights")).
			WithRemedy("convert the adapter to plain LoRA with PEFT's save_pretrained(path_initial_model_for_weight_conversion=…)")
	}
}

// configJSON is the adapter_config.json of a, in the fields that PEFT's LoraConfig reads.
func (a *Adapter) configJSON() []byte {
	var targets any = a.Targets
	if a.TargetPattern != "" {
		targets = a.TargetPattern
	}
	var base any
	if a.BaseModel != "" {
		base = a.BaseModel
	}
	config := map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "inference_mode": true,
		"r": a.Rank, "lora_alpha": a.Alpha, "lora_dropout": 0.0, "bias": "none", "use_rslora": a.RSLoRA, "use_dora": false,
		"target_modules": targets, "modules_to_save": nil, "fan_in_fan_out": false, "init_lora_weights": true,
		"rank_pattern": map[string]any{}, "alpha_pattern": map[string]any{},
	}
	b, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic(err) // only NaN or infinite Alpha could cause it, and no reader or option admits those
	}
	return append(b, '\n')
}
