BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	environment_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	memory_fraction DOUBLE, 
	micro_batches INTEGER NOT NULL, 
	resumed_from INTEGER, 
	folder VARCHAR NOT NULL, 
	started_at DOUBLE NOT NULL, 
	begun_at DOUBLE, 
	ended_at DOUBLE, 
	outcome VARCHAR, 
	stage VARCHAR NOT NULL, 
	message VARCHAR NOT NULL, 
	detail VARCHAR NOT NULL, 
	epochs INTEGER NOT NULL, 
	val_acc DOUBLE, 
	val_loss DOUBLE, 
	test_acc DOUBLE, 
	uniform_val_acc DOUBLE, 
	uniform_test_acc DOUBLE, 
	oracle_val_acc DOUBLE, 
	oracle_test_acc DOUBLE, 
	val_images INTEGER, 
	test_images INTEGER, 
	seconds DOUBLE NOT NULL, 
	peak_memory_bytes INTEGER NOT NULL, 
	params INTEGER, 
	weights VARCHAR, 
	rung INTEGER, inputs_id INTEGER REFERENCES inputs(id), weights_sha256 VARCHAR(64), structure JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	FOREIGN KEY(environment_id) REFERENCES environments (id)
);
INSERT INTO "attempts" VALUES(1,1,1,1,'host/1/2/nonce','cpu',NULL,1,NULL,'1/fce5f57ba29e0b56/1',1.79583654148078346248e+09,1.79583654148865270614e+09,1.79583654153117275231e+09,'ok','','','',2,0.9,1.0,0.85,NULL,NULL,NULL,NULL,100,200,10.0,5678,1234,'w',NULL,1,NULL,NULL);
INSERT INTO "attempts" VALUES(2,2,1,1,'host/1/2/nonce','cpu',NULL,1,NULL,'1/35d97fc9dcc5aee5/2',1.79583654156854200358e+09,1.79583654157174444198e+09,1.79583654158732366557e+09,'ok','','','',2,0.8,1.0,0.75,NULL,NULL,NULL,NULL,100,200,10.0,5678,1234,NULL,NULL,1,NULL,NULL);
INSERT INTO "attempts" VALUES(3,3,1,1,'host/1/2/nonce','cpu',NULL,1,NULL,'1/08decec0c9fa128d/3',1.79583654161240863795e+09,1.79583654161541271206e+09,1.79583654163104867928e+09,'ok','','','',2,0.7,1.0,0.7,NULL,NULL,NULL,NULL,100,200,10.0,5678,1234,NULL,NULL,1,NULL,NULL);
INSERT INTO "attempts" VALUES(4,4,1,1,'host/1/2/nonce','cpu',NULL,1,NULL,'1/7a246c1da364fc67/4',1.79583654164843177798e+09,1.79583654165142607688e+09,1.79583654165530824664e+09,'nan','train','the loss is not a number','',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,5.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE campaigns (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	created_at DOUBLE NOT NULL, 
	config JSON NOT NULL, 
	space JSON NOT NULL, 
	state VARCHAR NOT NULL, 
	worked_seconds DOUBLE NOT NULL, 
	heartbeat_at DOUBLE, dataset_id INTEGER REFERENCES datasets(id), 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "campaigns" VALUES(1,'first',1.79583654145068407053e+09,'{"dataset": "digits", "split_seed": 0, "hold_out": 0.0, "replicate": 0, "experts": "scratch", "seed": 0, "scheduler": "fifo", "budget_seconds": null, "executor": "ray", "workers": 1, "gpus": 0, "time_limit": 21600.0, "max_deaths": 3, "bench_after": 6, "data_root": "data", "log": null, "keep_weights": "best:20", "bank": false, "sampler": "stratified", "trials": 9, "controls": true, "screen": null, "top": 20, "by": "probe", "drop": [], "prefer": [], "strict_coverage": false}','{"name": "toy", "description": "", "template": "moe4", "image_size": 32, "channels": 3, "experts": {"k": 2, "families": {"ant": [{"model": "ant_s", "args": {}}], "bee": [{"model": "bee_s", "args": {}}, {"model": "bee_m", "args": {}}], "cat": [{"model": "cat_s", "args": {}}], "dog": [{"model": "dog_s", "args": {}}]}}, "choices": [{"name": "mixing", "values": ["soft", "top1"]}], "recipe": {"procedure": "joint", "epochs": 2, "batch_size": 32, "lr": 0.001, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.2, "balance_weight": 0.01, "warmup": 0.1, "augment": "light", "precision": "auto"}}','running',12.5,1.79583654171531033509e+09,1);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	campaign_id INTEGER NOT NULL, 
	role VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	phase INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	families VARCHAR NOT NULL, 
	spec JSON NOT NULL, 
	code BLOB NOT NULL, 
	params INTEGER, 
	macs INTEGER, 
	memory_bytes INTEGER, 
	drawn_at DOUBLE NOT NULL, 
	owner VARCHAR, 
	lease_until DOUBLE, 
	micro_batches INTEGER NOT NULL, 
	deaths INTEGER NOT NULL, 
	outcome VARCHAR, 
	val_acc DOUBLE, 
	finished_at DOUBLE, 
	final_attempt INTEGER, active_macs INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id), 
	UNIQUE (campaign_id, "key"), 
	UNIQUE (campaign_id, role, number)
);
INSERT INTO "candidates" VALUES(1,1,'search',0,0,'fce5f57ba29e0b56','ant+bee','{"template": "moe4", "template_hash": "tttttttttttttttt", "image_size": 32, "channels": 3, "experts": [{"family": "ant", "member": {"model": "ant_s", "args": {}}}, {"family": "bee", "member": {"model": "bee_s", "args": {}}}], "choices": {"mixing": "soft"}, "recipe": {"procedure": "joint", "epochs": 2, "batch_size": 32, "lr": 0.001, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.2, "balance_weight": 0.01, "warmup": 0.1, "augment": "light", "precision": "auto"}, "task": {"dataset": "digits", "split_seed": 0}, "replicate": 0}',X'789C5352527254C8CD4F49CDD1535252E2E2E24A494D53482ACDCC49D1C82BCD8D4FCE492C2E4E2DD6B4E2520082A2D492D2A23C05BFFCBC542E00D0AF10F6',1000,2000,3000,1.79583654146591472624e+09,NULL,NULL,1,0,'ok',0.9,1.79583654153117275231e+09,1,NULL);
INSERT INTO "candidates" VALUES(2,1,'confirm',0,0,'35d97fc9dcc5aee5','ant+bee','{"template": "moe4", "template_hash": "tttttttttttttttt", "image_size": 32, "channels": 3, "experts": [{"family": "ant", "member": {"model": "ant_s", "args": {}}}, {"family": "bee", "member": {"model": "bee_s", "args": {}}}], "choices": {"mixing": "soft"}, "recipe": {"procedure": "joint", "epochs": 2, "batch_size": 32, "lr": 0.001, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.2, "balance_weight": 0.01, "warmup": 0.1, "augment": "light", "precision": "auto"}, "task": {"dataset": "digits", "split_seed": 0}, "replicate": 1}',X'789C5352527254C8CD4F49CDD1535252E2E2E24A494D53482ACDCC49D1C82BCD8D4FCE492C2E4E2DD6B4E2520082A2D492D2A23C05BFFCBC542E00D0AF10F6',1000,2000,3000,1.79583654155732464789e+09,NULL,NULL,1,0,'ok',0.8,1.79583654158732366557e+09,2,NULL);
INSERT INTO "candidates" VALUES(3,1,'control',0,0,'08decec0c9fa128d','ant','{"template": "moe4", "template_hash": "tttttttttttttttt", "image_size": 32, "channels": 3, "experts": [{"family": "ant", "member": {"model": "ant_s", "args": {}}}], "choices": {"mixing": "soft"}, "recipe": {"procedure": "joint", "epochs": 2, "batch_size": 32, "lr": 0.001, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.2, "balance_weight": 0.01, "warmup": 0.1, "augment": "light", "precision": "auto"}, "task": {"dataset": "digits", "split_seed": 0}, "replicate": 0}',X'789C5352527254C8CD4F49CDD1535252E2E2E24A494D53482ACDCC49D1C82BCD8D4FCE492C2E4E2DD6B4E2520082A2D492D2A23C05BFFCBC542E00D0AF10F6',1000,2000,3000,1.79583654160065245633e+09,NULL,NULL,1,0,'ok',0.7,1.79583654163104867928e+09,3,NULL);
INSERT INTO "candidates" VALUES(4,1,'search',1,0,'7a246c1da364fc67','bee+cat','{"template": "moe4", "template_hash": "tttttttttttttttt", "image_size": 32, "channels": 3, "experts": [{"family": "bee", "member": {"model": "bee_m", "args": {}}}, {"family": "cat", "member": {"model": "cat_s", "args": {}}}], "choices": {"mixing": "soft"}, "recipe": {"procedure": "joint", "epochs": 2, "batch_size": 32, "lr": 0.001, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.2, "balance_weight": 0.01, "warmup": 0.1, "augment": "light", "precision": "auto"}, "task": {"dataset": "digits", "split_seed": 0}, "replicate": 0}',X'789C5352527254C8CD4F49CDD1535252E2E2E24A494D53482ACDCC49D1C82BCD8D4FCE492C2E4E2DD6B4E2520082A2D492D2A23C05BFFCBC542E00D0AF10F6',1000,2000,3000,1.79583654164080810545e+09,NULL,NULL,1,0,'nan',NULL,1.79583654165530824664e+09,4,NULL);
INSERT INTO "candidates" VALUES(5,1,'search',2,0,'cf519ad664d2ed57','cat+dog','{"template": "moe4", "template_hash": "tttttttttttttttt", "image_size": 32, "channels": 3, "experts": [{"family": "cat", "member": {"model": "cat_s", "args": {}}}, {"family": "dog", "member": {"model": "dog_s", "args": {}}}], "choices": {"mixing": "soft"}, "recipe": {"procedure": "joint", "epochs": 2, "batch_size": 32, "lr": 0.001, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.2, "balance_weight": 0.01, "warmup": 0.1, "augment": "light", "precision": "auto"}, "task": {"dataset": "digits", "split_seed": 0}, "replicate": 0}',X'789C5352527254C8CD4F49CDD1535252E2E2E24A494D53482ACDCC49D1C82BCD8D4FCE492C2E4E2DD6B4E2520082A2D492D2A23C05BFFCBC542E00D0AF10F6',1000,2000,3000,1795836541.67311,'host/1/2/nonce',1.79583660171531033517e+09,1,0,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE datasets (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	manifest BLOB NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "datasets" VALUES(1,'a83cfb22e22700e09136701b5ad8d4b914720dbcb4e6aa4479c3119da57113a5',X'789C8B8E564ACC2B518AD551A80631F40DF50AF2D295AC14A2CD75142C741494920DD2D2525395626B630105810C1C');
CREATE TABLE diagnostics (
	id INTEGER NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	instrument VARCHAR NOT NULL, 
	made_at DOUBLE NOT NULL, 
	seconds DOUBLE NOT NULL, 
	environment_id INTEGER NOT NULL, 
	device VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(attempt_id) REFERENCES attempts (id), 
	FOREIGN KEY(environment_id) REFERENCES environments (id)
);
INSERT INTO "diagnostics" VALUES(1,1,'latency',1.795836541667371273e+09,0.5,1,'cpu','','{"median_ms": 1.5, "batches": [1, 8]}');
CREATE TABLE environments (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "environments" VALUES(1,'95aa2ab9c89304e18a8155140ca9982b3b03b45b6db768bd89986090f7753dce','{"python": "3.11"}');
CREATE TABLE epochs (
	attempt_id INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	train_loss DOUBLE NOT NULL, 
	balance_loss DOUBLE, 
	train_acc DOUBLE NOT NULL, 
	val_loss DOUBLE NOT NULL, 
	val_acc DOUBLE NOT NULL, 
	lr DOUBLE NOT NULL, 
	gate_lr DOUBLE, 
	temperature DOUBLE, 
	gate_entropy DOUBLE, 
	usage JSON NOT NULL, 
	images_per_second DOUBLE NOT NULL, 
	seconds DOUBLE NOT NULL, 
	peak_memory_bytes INTEGER NOT NULL, 
	PRIMARY KEY (attempt_id, epoch), 
	FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);
INSERT INTO "epochs" VALUES(1,1,1.5,0.1,0.4,1.2,0.45,0.001,0.002,2.0,0.6,'[0.25, 0.75]',100.0,2.0,4000);
INSERT INTO "epochs" VALUES(1,2,1.5,0.1,0.4,1.2,0.9,0.001,0.002,2.0,0.6,'[0.25, 0.75]',100.0,2.0,4000);
INSERT INTO "epochs" VALUES(2,1,1.5,0.1,0.4,1.2,0.4,0.001,0.002,2.0,0.6,'[0.25, 0.75]',100.0,2.0,4000);
INSERT INTO "epochs" VALUES(2,2,1.5,0.1,0.4,1.2,0.8,0.001,0.002,2.0,0.6,'[0.25, 0.75]',100.0,2.0,4000);
INSERT INTO "epochs" VALUES(3,1,1.5,0.1,0.4,1.2,0.35,0.001,0.002,2.0,0.6,'[0.25, 0.75]',100.0,2.0,4000);
INSERT INTO "epochs" VALUES(3,2,1.5,0.1,0.4,1.2,0.7,0.001,0.002,2.0,0.6,'[0.25, 0.75]',100.0,2.0,4000);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	campaign_id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	kind VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
);
INSERT INTO "events" VALUES(1,1,1.79583654168285799029e+09,'benched','{"family": "cat", "after": 6}');
CREATE TABLE experts (
	attempt_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	family VARCHAR NOT NULL, 
	model VARCHAR NOT NULL, 
	val_acc DOUBLE NOT NULL, 
	test_acc DOUBLE NOT NULL, 
	usage DOUBLE NOT NULL, 
	PRIMARY KEY (attempt_id, position), 
	FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);
INSERT INTO "experts" VALUES(1,0,'ant','ant_s',0.8,0.8,0.5);
INSERT INTO "experts" VALUES(1,1,'bee','bee_s',0.7,0.7,0.5);
CREATE TABLE identity (
	id VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "identity" VALUES('7ed75d40ae534b1faf43dd1d4ce6ef88');
CREATE TABLE inputs (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "inputs" VALUES(1,'65f148234c2abd830a1371ca45cdcef37a3c09c5ed1c89272b8bf3c3cf816b2d','{"class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "mean": [0.3, 0.3, 0.3], "std": [0.4, 0.4, 0.4], "train_images": 700, "val_images": 100, "test_images": 200, "val_counts": [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]}');
CREATE TABLE metrics (
	attempt_id INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	split VARCHAR NOT NULL, 
	layer VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (attempt_id, epoch, split, layer), 
	FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);
INSERT INTO "metrics" VALUES(1,1,'train','','{"loss_balance": 1.25}');
INSERT INTO "metrics" VALUES(1,1,'val','gate','{"gate_entropy": 0.6, "expert_shares": [0.25, 0.75]}');
INSERT INTO "metrics" VALUES(1,2,'train','','{"loss_balance": 1.25}');
INSERT INTO "metrics" VALUES(1,2,'val','gate','{"gate_entropy": 0.6, "expert_shares": [0.25, 0.75]}');
INSERT INTO "metrics" VALUES(2,1,'train','','{"loss_balance": 1.25}');
INSERT INTO "metrics" VALUES(2,1,'val','gate','{"gate_entropy": 0.6, "expert_shares": [0.25, 0.75]}');
INSERT INTO "metrics" VALUES(2,2,'train','','{"loss_balance": 1.25}');
INSERT INTO "metrics" VALUES(2,2,'val','gate','{"gate_entropy": 0.6, "expert_shares": [0.25, 0.75]}');
INSERT INTO "metrics" VALUES(3,1,'train','','{"loss_balance": 1.25}');
INSERT INTO "metrics" VALUES(3,1,'val','gate','{"gate_entropy": 0.6, "expert_shares": [0.25, 0.75]}');
INSERT INTO "metrics" VALUES(3,2,'train','','{"loss_balance": 1.25}');
INSERT INTO "metrics" VALUES(3,2,'val','gate','{"gate_entropy": 0.6, "expert_shares": [0.25, 0.75]}');
CREATE TABLE probes (
	digest VARCHAR(64) NOT NULL, 
	model VARCHAR NOT NULL, 
	conditions JSON NOT NULL, 
	probe JSON NOT NULL, 
	probed_at DOUBLE NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "probes" VALUES('a9f9172ec8ee9de40551f77451899470387045dc8f9b5c12f6013ffedc4c274c','bee_m','{"image_size": 32, "channels": 3, "num_classes": 10, "torch": "2.8", "timm": "1.0", "device": "cpu", "precision": "fp32", "memory_format": "contiguous"}','{"member": {"model": "bee_m", "args": {"img_size": 32}}, "ok": true, "problem": "", "params": 7, "buffers_bytes": 0, "macs": 0, "saved_bytes": 0, "seconds": 0.0, "batch": 32}',1.79583654169137883187e+09);
CREATE TABLE rungs (
	candidate_id INTEGER NOT NULL, 
	rung INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	value DOUBLE NOT NULL, 
	promoted BOOLEAN NOT NULL, 
	PRIMARY KEY (candidate_id, rung), 
	FOREIGN KEY(candidate_id) REFERENCES candidates (id)
);
INSERT INTO "rungs" VALUES(5,0,1,0.5,1);
CREATE TABLE screened (
	screen_id INTEGER NOT NULL, 
	rank INTEGER NOT NULL, 
	families VARCHAR NOT NULL, 
	members VARCHAR NOT NULL, 
	uniform DOUBLE, 
	uniform_loss DOUBLE, 
	uniform_test DOUBLE, 
	oracle DOUBLE, 
	best_member DOUBLE, 
	params DOUBLE, 
	latency DOUBLE, 
	static DOUBLE, 
	static_loss DOUBLE, 
	static_test DOUBLE, 
	gate DOUBLE, 
	gate_loss DOUBLE, 
	gate_test DOUBLE, probe DOUBLE, probe_loss DOUBLE, probe_test DOUBLE, 
	PRIMARY KEY (screen_id, rank), 
	FOREIGN KEY(screen_id) REFERENCES screens (id)
);
INSERT INTO "screened" VALUES(1,1,'ant+bee','ant_s+bee_s',0.8,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0.85,NULL,NULL);
CREATE TABLE screens (
	id INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	space JSON NOT NULL, 
	config JSON NOT NULL, 
	experts JSON NOT NULL, 
	total INTEGER NOT NULL, 
	val_images INTEGER NOT NULL, 
	test_images INTEGER NOT NULL, 
	seconds DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "screens" VALUES(1,1.79583654169931483269e+09,'{"name": "toy", "description": "", "template": "moe4", "image_size": 32, "channels": 3, "experts": {"k": 2, "families": {"ant": [{"model": "ant_s", "args": {}}], "bee": [{"model": "bee_s", "args": {}}, {"model": "bee_m", "args": {}}], "cat": [{"model": "cat_s", "args": {}}], "dog": [{"model": "dog_s", "args": {}}]}}, "choices": [{"name": "mixing", "values": ["soft", "top1"]}], "recipe": {"procedure": "joint", "epochs": 2, "batch_size": 32, "lr": 0.001, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.2, "balance_weight": 0.01, "warmup": 0.1, "augment": "light", "precision": "auto"}}','{"dataset": "digits", "split_seed": 0, "hold_out": 0.0, "replicate": 0, "experts": "scratch", "seed": 0, "top": 200, "limit": 200000, "max_params": null, "max_latency": null, "left_out": 0}','[{"key": "k", "family": "ant", "model": "ant_s", "val_acc": 0.7, "seconds": 1.0, "proxies": {}}]',6,40,50,0.5);
CREATE TABLE training_events (
	id INTEGER NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);
INSERT INTO "training_events" VALUES(1,1,2,7,'growth','a plateau','{"expert": 1}');
CREATE INDEX ix_probes_model ON probes (model);
CREATE INDEX ix_candidates_key ON candidates ("key");
CREATE INDEX ix_candidates_open ON candidates (campaign_id, outcome);
CREATE INDEX ix_events_campaign_id ON events (campaign_id);
CREATE INDEX ix_attempts_candidate_id ON attempts (candidate_id);
CREATE INDEX ix_attempts_outcome ON attempts (outcome);
CREATE INDEX ix_experts_family ON experts (family);
CREATE INDEX ix_training_events_attempt_id ON training_events (attempt_id);
CREATE INDEX ix_diagnostics_attempt_id ON diagnostics (attempt_id);
COMMIT;
