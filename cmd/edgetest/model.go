package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"nextquill/edge/workerd"
)

// modelShard is the only file of the model in the bucket: 3 MiB that no two ranges share.
var modelShard = func() []byte {
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return data
}()

const modelFolder = "models/tiny"

// putModel puts a model of one shard into the local bucket, and a file that its manifest does not
// list.
func putModel(ctx context.Context, root, state string) error {
	sum := sha256.Sum256(modelShard)
	hash := hex.EncodeToString(sum[:])
	manifest, err := json.Marshal(map[string]any{"name": "tiny", "version": 1, "files": []any{map[string]any{
		"path": "model.gguf", "size": len(modelShard), "sha256": hash,
		"shards": []any{map[string]any{"url": "model.gguf.000", "size": len(modelShard), "sha256": hash}},
	}}})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"manifest.json": manifest, "model.gguf.000": modelShard, "private.txt": []byte("not listed"),
	} {
		file := filepath.Join(state, name)
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
		if err := workerd.PutModelFile(ctx, root, state, modelFolder+"/"+name, file); err != nil {
			return err
		}
	}
	return nil
}
