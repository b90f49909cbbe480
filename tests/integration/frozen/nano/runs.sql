BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
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
	rung INTEGER, inputs_id INTEGER REFERENCES inputs(id), 
	PRIMARY KEY (id), 
	FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	FOREIGN KEY(environment_id) REFERENCES environments (id)
);
INSERT INTO "attempts" VALUES(1,1,1,1,'vm/3227/179568235862/106c09a0','cpu',NULL,1,NULL,'1/1e9327b5a30464eb/1',1.79568236666222620003e+09,1.79568236998411321636e+09,1.79568237302306199076e+09,'ok','','','',6,9.6657381615598880753e-01,2.97188671186441821792e-01,9.69359331476323138332e-01,NULL,NULL,NULL,NULL,359,359,2.76759224800005654287e+00,1221672960,2014,'weights.safetensors',NULL,1);
INSERT INTO "attempts" VALUES(2,2,1,1,'vm/3227/179568235862/106c09a0','cpu',NULL,1,NULL,'1/12fed6d52714ffdc/2',1.79568237318636894227e+09,1.79568237318925499911e+09,1.79568237426388049122e+09,'interrupted','','stopped after an epoch','',4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.06213772999998923296e+00,1221722112,1346,NULL,NULL,1);
CREATE TABLE campaigns (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	created_at DOUBLE NOT NULL, 
	config JSON NOT NULL, 
	space JSON NOT NULL, 
	state VARCHAR NOT NULL, 
	worked_seconds DOUBLE NOT NULL, 
	heartbeat_at DOUBLE, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "campaigns" VALUES(1,'frozen',1.79568236343426418299e+09,'{"dataset": "digits", "split_seed": 0, "hold_out": 0.0, "replicate": 0, "bank": false, "screen": null, "top": 20, "by": "probe", "experts": "scratch", "bank_bytes": null, "sampler": "stratified", "seed": 3, "scheduler": "fifo", "budget_seconds": null, "trials": 4, "controls": false, "executor": "local", "workers": 1, "gpus": 0, "time_limit": 21600.0, "keep_weights": "best:20", "max_deaths": 3, "bench_after": 6, "data_root": "/tmp/frz/data", "log": null, "drop": [], "prefer": [], "strict_coverage": false}','{"name": "nano", "description": "", "template": "nano", "image_size": 8, "channels": 3, "experts": null, "choices": [{"name": "nap", "values": [0.01]}, {"name": "width", "values": [2, 3, 4, 5]}], "recipe": {"procedure": "joint", "epochs": 6, "batch_size": 64, "lr": 0.006, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.0, "balance_weight": 0.01, "warmup": 0.1, "augment": "none", "precision": "auto"}}','stopped',4.38093740600001524398e+00,1.79568237437198948858e+09);
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
	final_attempt INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id), 
	UNIQUE (campaign_id, "key"), 
	UNIQUE (campaign_id, role, number)
);
INSERT INTO "candidates" VALUES(1,1,'search',0,0,'1e9327b5a30464eb','','{"template": "nano", "template_hash": "d8161c929f288e9b", "image_size": 8, "channels": 3, "experts": [], "choices": {"nap": 0.01, "width": 3}, "recipe": {"procedure": "joint", "epochs": 6, "batch_size": 64, "lr": 0.006, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.0, "balance_weight": 0.01, "warmup": 0.1, "augment": "none", "precision": "auto"}, "task": {"dataset": "digits", "split_seed": 0}, "replicate": 0}',X'789C6550CB4EC33010BCFB2B5639D928B21A8A3820F550C10124A83820718C4CBD692C9C75643BA4FC3DCE434981BD786CEFECCC4E96657B8886BE8130F6CE7F42AC55845E99186496658C99A6753EA69E06D78BF3C79A55DE351384F99D88B1F7A787B747D8C1961DF6AFE9DCC84DC1183B5A15021C307222F9E2746751DC3148A5B182B234646259F280B6CA81BAA61C0918E6A6A142D7A2E7422ECD62FD4A347974F49504D3FCFB84AE35DFE630BAC921A156696DE8B42BFEB06A547A623D1B42E5F9B4C015DCDEFC36C216B795F3BDF27A367BBEB038A42483456C79DA7E55F2183B4FAB201F63931E6DC717EFFC2C84ACAC8A1189172209B241EDA33356F3FF91CC33C7482F6DFE0082088D33',0,0,0,1.79568236665573072435e+09,NULL,NULL,1,0,'ok',9.6657381615598880753e-01,1.79568237302306199076e+09,1);
INSERT INTO "candidates" VALUES(2,1,'search',1,0,'12fed6d52714ffdc','','{"template": "nano", "template_hash": "d8161c929f288e9b", "image_size": 8, "channels": 3, "experts": [], "choices": {"nap": 0.01, "width": 2}, "recipe": {"procedure": "joint", "epochs": 6, "batch_size": 64, "lr": 0.006, "weight_decay": 0.0005, "gate_lr_multiplier": 2.0, "gate_weight_decay": 0.00025, "clip_norm": 1.0, "label_smoothing": 0.1, "mixup_alpha": 0.0, "balance_weight": 0.01, "warmup": 0.1, "augment": "none", "precision": "auto"}, "task": {"dataset": "digits", "split_seed": 0}, "replicate": 0}',X'789C6550CB4EC33010BCFB2B563E3928B29A823820F550C10124A83820718C4CBD692C9C75643BA4FC3DCE434981BD786CEFECCC0EE77C0FD1D03710C6DEF94F88B58AD02B1383E49C33669AD6F9987A1A5C2FCE1F6B5679D74C10E67722C6DE9F1EDE1E61075B76D8BFA67323370563EC68550870C02888E48BD39DC5EC8E412A8D1594A52113CB5204B4550ED435E548C030370D15BA16BDC8E4D29CAD5F89268F8EBE92609A7F9FD0568BEB1C46373924D42AAD0D9D76C51F568D4A4FAC6743A8BC9816B882DB9BDF46D8E2B672BE575ECF66CF1716879464B088AD48DBAF4A1E63E7691514636CD2A3EDC4E25D9CB34C5656C588248A2C09B241EDA333568BFF91CC33C7482F6DFE00808F8D32',0,0,0,1.79568237318109488482e+09,NULL,NULL,1,0,NULL,NULL,NULL,NULL);
CREATE TABLE environments (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "environments" VALUES(1,'3c8a48aad7acd7ef11b63a86fd3fb90a15d0b13fc00d315780b0e38fb82bd371','{"nas": "0.1.0", "python": "3.11.7", "torch": "2.15.0", "torchvision": "0.29.2", "timm": "1.0.31", "ray": "2.60.0", "optuna": "5.0.0", "numpy": "2.4.6", "scikit-learn": "1.9.1", "sqlalchemy": "2.1.9", "pandas": "3.1.1", "jinja2": "3.1.6", "platform": "Linux-6.18.44-fc-v595-x86_64-with-glibc2.36", "cpus": 2, "gpus": [], "commit": "50bca5c214e534a5b6c5e6e71ff61d60409187f2"}');
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
INSERT INTO "epochs" VALUES(1,1,1.94146399414020076612e+00,NULL,4.85634855421966049604e-01,9.56772360629025930833e-01,8.13370473537604499192e-01,5.93725226304696925699e-03,NULL,NULL,NULL,'[]',4.91602311717325119377e+03,2.54392784999993182282e-01,1221603328);
INSERT INTO "epochs" VALUES(1,2,9.13468669696026580595e-01,NULL,8.88785915533848891456e-01,3.41061892283660128555e-01,9.05292479108635084195e-01,5.12132034355964205901e-03,NULL,NULL,NULL,'[]',4.85197178197557514069e+03,2.57029963999997335122e-01,1221603328);
INSERT INTO "epochs" VALUES(1,3,7.65610185290399369861e-01,NULL,0.942539390421665,3.12586128213611480486e-01,0.947075208913649,3.61036803915790139793e-03,NULL,NULL,NULL,'[]',4.74685459952350265666e+03,2.62139148000017030426e-01,1221603328);
INSERT INTO "epochs" VALUES(1,4,7.03896555500631571078e-01,NULL,9.6570899079970673462e-01,3.15334553838108266887e-01,9.55431754874651817388e-01,1.89943734356083095658e-03,NULL,NULL,NULL,'[]',4.69938649574600367502e+03,2.64860231000000112544e-01,1221603328);
INSERT INTO "epochs" VALUES(1,5,6.85318435310102169744e-01,NULL,0.963855422902041,2.99109796295591034986e-01,9.69359331476323138332e-01,5.49090320968674073034e-04,NULL,NULL,NULL,'[]',4.52381474858697129074e+03,2.7244266599998923084e-01,1221603328);
INSERT INTO "epochs" VALUES(1,6,6.78356779792775088644e-01,NULL,9.71269695100351215799e-01,2.97188671186441821792e-01,9.6657381615598880753e-01,1.74893290147792872485e-06,NULL,NULL,NULL,'[]',4.94379722700902311761e+03,0.251881577000006,1221603328);
INSERT INTO "epochs" VALUES(2,1,2.03588447822698093148e+00,NULL,4.54124195941407127197e-01,1.29467084879330607272e+00,7.99442896935933178248e-01,5.93725226304696925699e-03,NULL,NULL,NULL,'[]',4.75081744550733947119e+03,2.62001878999996051788e-01,1221709824);
INSERT INTO "epochs" VALUES(2,2,1.02021835411556116568e+00,NULL,8.6376274654001305997e-01,3.85837767449594137847e-01,0.924791086350975,5.12132034355964205901e-03,NULL,NULL,NULL,'[]',4.61111010612538757416e+03,2.69176175000012563032e-01,1221709824);
INSERT INTO "epochs" VALUES(2,3,7.89492633576963198649e-01,NULL,9.16589436760867903863e-01,2.82725719356271221194e-01,0.958217270194986,3.61036803915790139793e-03,NULL,NULL,NULL,'[]',4574.80877182735,2.69702754999997296181e-01,1221709824);
INSERT INTO "epochs" VALUES(2,4,7.30943419681421846512e-01,NULL,9.47173310165829507312e-01,2.92358217797239527957e-01,9.52646239554317597608e-01,1.89943734356083095658e-03,NULL,NULL,NULL,'[]',4.89053549305895921862e+03,2.54812517000004845613e-01,1221709824);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	campaign_id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	kind VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
);
INSERT INTO "events" VALUES(1,1,1795682363.45672,'phase','{"number": 0, "drawn": 0, "plan": {"drop": [], "prefer": [], "left_out": []}}');
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
CREATE TABLE inputs (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "inputs" VALUES(1,'d9ee1a83760902d1bb8d88b74d5fb8098e5df4efcf8f36e600fb3bc87c00a18a','{"class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "mean": [0.3045779764652252, 0.3045779764652252, 0.3045779764652252], "std": [0.3759513795375824, 0.3759513795375824, 0.3759513795375824], "train_images": 1079, "val_images": 359, "test_images": 359}');
CREATE TABLE probes (
	digest VARCHAR(64) NOT NULL, 
	model VARCHAR NOT NULL, 
	conditions JSON NOT NULL, 
	probe JSON NOT NULL, 
	probed_at DOUBLE NOT NULL, 
	PRIMARY KEY (digest)
);
CREATE TABLE rungs (
	candidate_id INTEGER NOT NULL, 
	rung INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	value DOUBLE NOT NULL, 
	promoted BOOLEAN NOT NULL, 
	PRIMARY KEY (candidate_id, rung), 
	FOREIGN KEY(candidate_id) REFERENCES candidates (id)
);
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
CREATE INDEX ix_probes_model ON probes (model);
CREATE INDEX ix_candidates_key ON candidates ("key");
CREATE INDEX ix_candidates_open ON candidates (campaign_id, outcome);
CREATE INDEX ix_events_campaign_id ON events (campaign_id);
CREATE INDEX ix_attempts_candidate_id ON attempts (candidate_id);
CREATE INDEX ix_attempts_outcome ON attempts (outcome);
CREATE INDEX ix_experts_family ON experts (family);
COMMIT;
