package dirstore

// StorageError is storageError, for tests.
var StorageError = storageError
